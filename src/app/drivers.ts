import { memory } from '../embedded/memory.js'
import { OptionError } from '../errors.js'
import type { Transport } from '../transport/transport.js'

/** The broker that a URL stands for. Throws `OptionError`; a password in the URL is not repeated. */
export function brokerFor(broker: string | Transport): Transport {
  if (typeof broker !== 'string') return checked(broker)
  const scheme = /^([a-z+]+):/.exec(broker)?.[1]
  if (scheme === 'memory') return memory(broker.slice('memory:'.length))
  if (scheme === 'embedded' || scheme === 'kafka' || scheme === 'kafka+ssl') {
    throw refused(`The broker "${withoutPassword(broker)}" cannot be used: this version has no ${scheme}: driver. Use "memory:".`)
  }
  throw refused(`broker: "${withoutPassword(broker)}" names no broker; expected "memory:" or a transport value.`)
}

function checked(broker: Transport): Transport {
  const given: unknown = broker
  if (typeof given === 'object' && given !== null && 'connect' in given && typeof given.connect === 'function') return broker
  throw refused(`broker must be a URL such as "memory:" or a transport value, got ${typeof given}.`)
}

/** Whatever stands before the last @, and what follows a question mark, may be a secret, also where the URL is none. */
function withoutPassword(url: string): string {
  return url.replace(/\?.*$/s, '?***').replace(/^([a-z+]+:\/*)?.*@/s, '$1***@')
}

function refused(message: string): OptionError {
  return new OptionError(message, { option: 'broker' })
}
