import { errorFor } from '../wire/error-codes.js'
import { findCoordinator, type Broker, type CoordinatorKind } from '../wire/cluster-apis.js'
import type { Api } from '../wire/api.js'

/** A group or a transactional id, whose affairs one broker has in hand. */
export interface CoordinatorKey {
  readonly kind: CoordinatorKind
  readonly key: string
}

export type AskAny = <Args, Answer>(api: Api<Args, Answer>, args: Args, timeoutMs: number) => Promise<Answer>

/** Who coordinates what, as far as somebody has asked; asked again when it proves wrong. */
export class Coordinators {
  readonly #askAny: AskAny
  readonly #found = new Map<string, Promise<Broker>>()

  constructor(askAny: AskAny) {
    this.#askAny = askAny
  }

  /** Rejects with `TransportError`, retriable while there is none yet. */
  find(of: CoordinatorKey, timeoutMs: number): Promise<Broker> {
    const name = nameOf(of)
    const known = this.#found.get(name)
    if (known) return known
    const asked = this.#ask(of, timeoutMs)
    this.#found.set(name, asked)
    asked.catch(() => this.#forget(name, asked))
    return asked
  }

  /** Whoever that was does not coordinate it any more, or cannot be reached. */
  forget(of: CoordinatorKey): void {
    this.#found.delete(nameOf(of))
  }

  #forget(name: string, asked: Promise<Broker>): void {
    if (this.#found.get(name) === asked) this.#found.delete(name)
  }

  async #ask({ kind, key }: CoordinatorKey, timeoutMs: number): Promise<Broker> {
    const { coordinators } = await this.#askAny(findCoordinator, { kind, keys: [key] }, timeoutMs)
    const found = coordinators.find(coordinator => coordinator.key === key)
    const what = `Cannot find the coordinator of the ${kind === 'group' ? 'group' : 'transactional id'} "${key}"`
    if (found?.errorCode !== 0) throw errorFor(found?.errorCode ?? -1, what, { said: found?.errorMessage })
    return { nodeId: found.nodeId, host: found.host, port: found.port, rack: null }
  }
}

function nameOf({ kind, key }: CoordinatorKey): string {
  return `${kind} ${key}`
}
