import { formatMs } from '../lib/duration.js'
import type { TopicDescription, TopicSpec } from './transport.js'

/** How an existing topic is other than what was said of it: `partitions 3 (declared: 8)`. What was not said may be as it pleases. */
export function topicDifferences(said: Partial<TopicSpec>, found: TopicDescription): readonly string[] {
  return facts.flatMap(([fact, name, words = String]) => {
    const [wanted, is] = [said[fact], found[fact]]
    return wanted === undefined || wanted === is ? [] : `${name} ${words(is)} (declared: ${words(wanted)})`
  })
}

type Fact = Exclude<keyof TopicSpec, 'name'>

/** With the names of the options of `app.topic`. */
const facts: readonly (readonly [fact: Fact, name: string, words?: (value: unknown) => string])[] = [
  ['partitions', 'partitions'],
  ['replicas', 'replicas'],
  ['compacted', 'compacted'],
  ['retentionMs', 'retention', value => (Number(value) < 0 ? 'for ever' : formatMs(Number(value)))],
  ['retentionBytes', 'retentionBytes', value => (Number(value) < 0 ? 'without limit' : String(value))],
]
