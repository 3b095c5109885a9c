// Who may do what on a cluster with access rules, said by raw requests: no client, no Java program.
import { ask, int8, list, text, type Fields } from '../../scripts/kafka/requests.js'
import type { Properties } from '../../scripts/kafka/server-properties.js'
import { eventually } from './steering.js'

/** Broker settings: nobody may do anything that no rule allows, but whoever comes without a login may do everything. */
export const accessRules: Properties = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'allow.everyone.if.no.acl.found': 'false',
}

const kinds = { topic: 2, group: 3, cluster: 4, 'transactional id': 5 } as const
const operations = { Read: 3, Write: 4, Create: 5, Delete: 6, Describe: 8, DescribeConfigs: 10, IdempotentWrite: 12 } as const

export type Operation = keyof typeof operations

/** Something that may be done, to one thing or, where the name ends in `*`, to all whose names begin like that. */
export type Right = readonly [kind: keyof typeof kinds, name: string, operation: Operation]

/** The rights of one login. `bootstrap` is the listener of those who may do everything. */
export class Access {
  readonly #bootstrap: string
  readonly #user: string

  constructor(bootstrap: string, user: string) {
    this.#bootstrap = bootstrap
    this.#user = user
  }

  /** Resolves when the broker goes by them. */
  async grant(...rights: readonly Right[]): Promise<void> {
    await this.#change(30, rights)
    for (const right of rights) await this.#await(right, true)
  }

  /** Resolves when the broker goes by it. */
  async revoke(...rights: readonly Right[]): Promise<void> {
    await this.#change(31, rights)
    for (const right of rights) await this.#await(right, false)
  }

  /** CreateAcls or DeleteAcls, whose rules and filters look alike. */
  async #change(key: number, rights: readonly Right[]): Promise<void> {
    const fields = await ask(this.#bootstrap, { key, version: 1 }, list(rights.map(right => this.#rule(right))))
    fields.int32()
    const [code, why] = fields.list(() => 0).length > 0 ? [fields.int16(), fields.text()] : [0, '']
    if (code !== 0) throw new Error(`Cannot change the rights of ${this.#user}: error ${code}, ${why}`)
  }

  async #await(right: Right, isWanted: boolean): Promise<void> {
    await eventually(`change of ${right.join(' ')}`, async () => {
      const fields = await ask(this.#bootstrap, { key: 29, version: 1 }, this.#rule(right))
      return resourcesOf(fields) > 0 === isWanted
    })
  }

  #rule([kind, name, operation]: Right): Buffer {
    // The name of a literal rule may be *, which means all.
    const isPrefix = name.endsWith('*') && name !== '*'
    const resource = [int8(kinds[kind]), text(isPrefix ? name.slice(0, -1) : name), int8(isPrefix ? 4 : 3)]
    return Buffer.concat([...resource, text(`User:${this.#user}`), text('*'), int8(operations[operation]), int8(3)])
  }
}

function resourcesOf(fields: Fields): number {
  fields.int32()
  const error = fields.int16()
  if (error !== 0) throw new Error(`Cannot list rights: error ${error}, ${fields.text()}`)
  fields.text()
  return fields.list(() => 0).length
}
