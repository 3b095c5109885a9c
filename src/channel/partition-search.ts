export interface PartitionSearchOptions<Item> {
  /** How many partitions the topic has now. */
  readonly look: () => Promise<number>
  /** The topic has its partition, or has it not although it was looked at once more. */
  readonly onOver: (item: Item, partitions: number) => void
  /** The topic cannot be looked at. */
  readonly onFailed: (item: Item, error: unknown) => void
}

/**
 * Messages for partitions that their topic did not have when it was looked at last: others may have heard of new ones before
 * we have.
 */
export class PartitionSearch<Item extends { readonly letter: { readonly partition: number | null } }> {
  readonly #options: PartitionSearchOptions<Item>
  #sought: Item[] = []

  constructor(options: PartitionSearchOptions<Item>) {
    this.#options = options
  }

  get isOn(): boolean {
    return this.#sought.length > 0
  }

  /** Looks for the partition of a message; the first of them resolves when none is left. */
  async add(item: Item): Promise<void> {
    this.#sought.push(item)
    if (this.#sought.length === 1) await this.#run()
  }

  /** Gives up, and gives back what was sought. */
  end(): readonly Item[] {
    return this.#take(() => true)
  }

  async #run(): Promise<void> {
    const { look, onOver, onFailed } = this.#options
    try {
      while (this.isOn) {
        // Who comes later may have heard of more than this look can tell.
        const before = new Set(this.#sought)
        const partitions = await look()
        for (const item of this.#take(each => before.has(each) || (each.letter.partition ?? 0) < partitions))
          onOver(item, partitions)
      }
    } catch (error) {
      for (const item of this.end()) onFailed(item, error)
    }
  }

  #take(isTaken: (item: Item) => boolean): readonly Item[] {
    const taken = this.#sought.filter(isTaken)
    this.#sought = this.#sought.filter(item => !isTaken(item))
    return taken
  }
}
