import type { FaustError } from '../../errors.js'
import type { Logger } from '../../lib/log.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import type { TopicMetadata } from '../wire/cluster-apis.js'

/** What access rules keep from this user. It is said, since it looks like topics that are not there. */
export class HiddenTopics {
  readonly #log: Logger
  readonly #names = new Set<string>()
  #leftOut = ''

  constructor(log: Logger) {
    this.#log = log
  }

  /** Of a topic that it may not describe a broker does not even say whether it is there: each is named once. */
  report(topics: readonly TopicMetadata[]): void {
    for (const topic of topics) {
      const name = topic.name ?? ''
      if (!isHidden(topic)) this.#names.delete(name)
      else if (!this.#names.has(name)) {
        this.#names.add(name)
        this.#log.warn({ topic: name }, `${hidden(topic).message} Until then it counts as one that is not there`)
      }
    }
  }

  /** Topics of others, as a rule, that all may see: they are named when they are others than the last time. */
  leaveOut(names: readonly string[]): void {
    const leftOut = names.join()
    if (leftOut === this.#leftOut) return
    this.#leftOut = leftOut
    if (names.length === 0) return
    const first = names.slice(0, mostNamed).map(name => `"${name}"`)
    const others = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : ''
    const remedy = 'Grant it DescribeConfigs on those that the app uses'
    const text = `Not listed, since this user may not know what they are like: ${first.join(', ')}${others}. ${remedy}`
    this.#log.warn({ topics: names.length }, text)
  }
}

const mostNamed = 5

/** Throws `TransportError` for the first that this user may not describe. */
export function refuseHidden(topics: readonly TopicMetadata[]): void {
  const found = topics.find(isHidden)
  if (found) throw hidden(found)
}

function isHidden({ errorCode }: TopicMetadata): boolean {
  return errorCode === errorCodes.TOPIC_AUTHORIZATION_FAILED
}

function hidden({ name, errorCode }: TopicMetadata): FaustError {
  return errorFor(errorCode, `Cannot look for the topic "${name}"`, { right: 'Describe' })
}
