/** Where the blocks of a segment begin: one place in every 64 KiB, and where readers stopped lately. */
export class SparseIndex {
  readonly #offsets: number[] = []
  readonly #positions: number[] = []
  readonly #stops = new Map<number, number>()
  /** Bytes of the segment, from its beginning, that the index covers. */
  covered = 0
  /** Offset after the last block that it covers. */
  coveredOffset = 0

  /** Takes up a block, unless one before it is missing. */
  note(position: number, block: { base: number; next: number; size: number }): void {
    if (position !== this.covered) return
    const last = this.#positions.at(-1)
    if (last === undefined || position - last >= spacing) {
      this.#offsets.push(block.base)
      this.#positions.push(position)
    }
    this.covered = position + block.size
    this.coveredOffset = block.next
  }

  /** A position at or before the block that contains `offset`; `null` when it does not reach that far. */
  floor(offset: number): number | null {
    const stop = this.#stops.get(offset)
    if (stop !== undefined) return stop
    if (offset >= this.coveredOffset) return null
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#offsets[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return this.#positions[low - 1] ?? 0
  }

  /** A reader has read up to here and will go on here. */
  stop(offset: number, position: number): void {
    this.#stops.delete(offset)
    this.#stops.set(offset, position)
    if (this.#stops.size <= mostStops) return
    for (const oldest of this.#stops.keys()) {
      this.#stops.delete(oldest)
      return
    }
  }
}

const spacing = 64 * 1024
const mostStops = 16
