import type { SipHash } from './sip-hash.js'

/** An offset for each key. A key is known by the 128 bits of its hash, so that a long one takes no more than a short one. */
export class KeyOffsets {
  size = 0
  #hashes = new Int32Array(firstSlots * 4)
  /** -1 where a slot is free. */
  #offsets = new Float64Array(firstSlots).fill(-1)

  /** The offset of the key that was hashed last; -1 for none. */
  get(hash: SipHash): number {
    return this.#offsets[this.#slotOf(hash)] as number
  }

  set(hash: SipHash, offset: number): void {
    if (this.size >= this.#offsets.length * mostFilled) this.#grow()
    this.#put(hash, offset)
  }

  #put(words: Words, offset: number): void {
    const slot = this.#slotOf(words)
    if (this.#offsets[slot] === -1) {
      this.size++
      this.#hashes.set([words.a, words.b, words.c, words.d], slot * 4)
    }
    this.#offsets[slot] = offset
  }

  #slotOf({ a, b, c, d }: Words): number {
    const hashes = this.#hashes
    const mask = this.#offsets.length - 1
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      if (this.#offsets[slot] === -1) return slot
      const at = slot * 4
      if (hashes[at] === a && hashes[at + 1] === b && hashes[at + 2] === c && hashes[at + 3] === d) return slot
    }
  }

  #grow(): void {
    const hashes = this.#hashes
    const offsets = this.#offsets
    this.#hashes = new Int32Array(hashes.length * 2)
    this.#offsets = new Float64Array(offsets.length * 2).fill(-1)
    this.size = 0
    for (let slot = 0; slot < offsets.length; slot++) {
      if (offsets[slot] === -1) continue
      const [a, b, c, d] = hashes.subarray(slot * 4, slot * 4 + 4) as unknown as [number, number, number, number]
      this.#put({ a, b, c, d }, offsets[slot] as number)
    }
  }
}

interface Words {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

const firstSlots = 1024
const mostFilled = 0.7
