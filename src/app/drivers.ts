import { embedded } from '../embedded/embedded.js'
import { memory } from '../embedded/memory.js'
import { OptionError } from '../errors.js'
import { kafkaAt } from '../kafka/kafka-at.js'
import type { Transport } from '../transport/transport.js'

/** The broker that a URL stands for. Throws `OptionError`; a password in the URL is not repeated. */
export function brokerFor(broker: string | Transport): Transport {
  if (typeof broker !== 'string') return checked(broker)
  const scheme = /^([a-z+]+):/.exec(broker)?.[1]
  if (scheme === 'memory') return memory(broker.slice('memory:'.length))
  if (scheme === 'embedded') return embeddedAt(broker)
  if (scheme === 'kafka' || scheme === 'kafka+ssl') return kafkaAt(broker)
  throw refused(
    `broker: "${withoutPassword(broker)}" names no broker; expected "embedded:<directory>", "memory:", "kafka://<host>:<port>" or a transport value.`,
  )
}

/** Such as `embedded:./.faust?fsync=true`. */
function embeddedAt(url: string): Transport {
  const [, directory = '', query = ''] = /^embedded:([^?]*)\??(.*)$/s.exec(url) ?? []
  const { fsync = 'false', ...unknown } = Object.fromEntries(new URLSearchParams(query))
  const isKnown = Object.keys(unknown).length === 0 && (fsync === 'true' || fsync === 'false')
  if (isKnown && directory !== '' && !directory.startsWith('//')) return embedded(directory, { fsync: fsync === 'true' })
  const expected = 'expected "embedded:<directory>", optionally with "?fsync=true"'
  throw refused(`The broker "${withoutPassword(url)}" cannot be used: ${expected}.`)
}

function checked(broker: Transport): Transport {
  const given: unknown = broker
  if (typeof given === 'object' && given !== null && 'connect' in given && typeof given.connect === 'function') return broker
  throw refused(`broker must be a URL such as "embedded:./.faust" or a transport value, got ${typeof given}.`)
}

/** Whatever stands before the last @, and what follows a question mark, may be a secret, also where the URL is none. */
function withoutPassword(url: string): string {
  return url.replace(/\?.*$/s, '?***').replace(/^([a-z+]+:\/*)?.*@/s, '$1***@')
}

function refused(message: string): OptionError {
  return new OptionError(message, { option: 'broker' })
}
