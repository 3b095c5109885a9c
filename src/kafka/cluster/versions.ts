import { TransportError } from '../../errors.js'
import type { AnyApi } from '../wire/api.js'
import type { VersionsAnswer } from '../wire/cluster-apis.js'

/** Which requests a broker understands, and which features of the cluster are on. */
export class Versions {
  readonly #place: string
  readonly #ranges: ReadonlyMap<number, { readonly lowest: number; readonly highest: number }>
  readonly #features: ReadonlyMap<string, number>

  constructor(place: string, { ranges, features }: Pick<VersionsAnswer, 'ranges' | 'features'>) {
    this.#place = place
    this.#ranges = new Map(ranges.map(range => [range.key, range]))
    this.#features = features
  }

  speaks({ key, version }: AnyApi): boolean {
    const range = this.#ranges.get(key)
    return range !== undefined && range.lowest <= version && version <= range.highest
  }

  /** The level at which a feature of the cluster is on (`transaction.version` 2); 0 for one that is off or unknown. */
  level(feature: string): number {
    return this.#features.get(feature) ?? 0
  }

  /** Throws a `TransportError` that names everything the broker does not understand. */
  require(apis: readonly AnyApi[]): void {
    const missing = apis.filter(api => !this.speaks(api)).map(api => this.#lack(api))
    if (missing.length === 0) return
    // A broker that is too old to say what it understands names nothing.
    const lacks = this.#ranges.size > 1 ? missing.join(', ') : 'what we ask it'
    const message = `Cannot use the broker at ${this.#place}: it does not understand ${lacks}.`
    throw new TransportError(`${message} Use Apache Kafka 3.9 or newer, or what speaks the same.`, { retriable: false })
  }

  #lack({ name, key, version }: AnyApi): string {
    const range = this.#ranges.get(key)
    return range ? `${name} ${version} (it knows ${range.lowest} to ${range.highest})` : `${name} ${version}`
  }
}
