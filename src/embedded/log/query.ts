/** What a reader asks a log for. */
export interface Query {
  /** The first block of the answer is the one that contains it. */
  readonly from: number
  /** What the reader may see ends here. */
  readonly limit: number
  /** At most, unless the first block alone has more. */
  readonly maxBytes: number
  /** Whether a block is left out: of this transaction, at this offset. */
  readonly isHidden: (transaction: number, offset: number) => boolean
}

/** Whole blocks, and where the reader stands after them: past what is hidden and past offsets that no message has. */
export interface Answer {
  readonly blocks: readonly Buffer[]
  readonly position: number
}
