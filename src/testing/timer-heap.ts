/** A timer of a virtual clock; its place in the heap is kept, so that it can be taken out. */
export interface VirtualTimer {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
  readonly isWork: boolean
  place: number
}

/** Timers by time, and by the order in which they were set where that is the same. */
export class TimerHeap {
  readonly #timers: VirtualTimer[] = []

  peek(): VirtualTimer | undefined {
    return this.#timers[0]
  }

  push(timer: VirtualTimer): void {
    this.#put(timer, this.#timers.length)
    this.#rise(timer)
  }

  /** Returns whether it was there. */
  remove(timer: VirtualTimer): boolean {
    const { place } = timer
    if (place < 0) return false
    timer.place = -1
    const last = this.#timers.pop()
    if (last === undefined || last === timer) return true
    this.#put(last, place)
    this.#rise(last)
    this.#sink(last)
    return true
  }

  #rise(timer: VirtualTimer): void {
    while (timer.place > 0) {
      const parent = this.#timers[(timer.place - 1) >> 1]
      if (parent === undefined || isBefore(parent, timer)) return
      this.#swap(parent, timer)
    }
  }

  #sink(timer: VirtualTimer): void {
    for (;;) {
      const left = this.#timers[timer.place * 2 + 1]
      const right = this.#timers[timer.place * 2 + 2]
      const first = right !== undefined && left !== undefined && isBefore(right, left) ? right : left
      if (first === undefined || isBefore(timer, first)) return
      this.#swap(first, timer)
    }
  }

  #swap(one: VirtualTimer, other: VirtualTimer): void {
    const { place } = one
    this.#put(one, other.place)
    this.#put(other, place)
  }

  #put(timer: VirtualTimer, place: number): void {
    timer.place = place
    this.#timers[place] = timer
  }
}

function isBefore(one: VirtualTimer, other: VirtualTimer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence)
}
