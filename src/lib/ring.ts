/** A queue in a ring that doubles when it is full; what has left it is not referenced any more. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(8).fill(undefined)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length++
  }

  /** Takes the oldest item out; undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    return item
  }

  /** The oldest item, left where it is. */
  peek(): T | undefined {
    return this.#slots[this.#head]
  }

  /** The item at a position, 0 being the oldest; undefined outside. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)]
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(8).fill(undefined)
    this.#head = 0
    this.#length = 0
  }

  /** Drops every item that the predicate accepts; the others keep their order. */
  remove(predicate: (item: T) => boolean): void {
    const kept = this.#inOrder().filter(item => !predicate(item))
    this.clear()
    for (const item of kept) this.push(item)
  }

  #grow(): void {
    const inOrder: (T | undefined)[] = this.#inOrder()
    for (let missing = inOrder.length; missing > 0; missing--) inOrder.push(undefined)
    this.#slots = inOrder
    this.#head = 0
  }

  #inOrder(): T[] {
    const end = this.#head + this.#length
    const tail = this.#slots.slice(this.#head, end)
    return tail.concat(this.#slots.slice(0, Math.max(0, end - this.#slots.length))) as T[]
  }
}
