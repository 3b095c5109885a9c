// The program of a keeper's thread: serves one directory whenever nobody else does.
import { parentPort, workerData } from 'node:worker_threads'
import { TransportError } from '../../errors.js'
import { systemClock } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import { systemRandom } from '../../lib/random.js'
import { thrown } from '../../lib/thrown.js'
import { encodeError } from '../wire/wire-error.js'
import { keep } from './keep.js'
import type { Assignment, Level, Report } from './report.js'

const { directory } = workerData as Assignment
const surroundings = { clock: systemClock, random: systemRandom, log: reportedLog({}) }
const stop = new AbortController()
parentPort?.on('message', () => stop.abort())

try {
  const { Broker } = await import('../broker/broker.js').catch(notLoaded)
  await keep({
    directory,
    open: () => Broker.open({ directory, ...surroundings }),
    report,
    signal: stop.signal,
    ...surroundings,
  })
} catch (error) {
  report({ type: 'failed', error: encodeError(error) })
} finally {
  parentPort?.close()
}

/** There are platforms that LevelDB is not built for. */
function notLoaded(error: unknown): never {
  const reason = thrown(error).message.trim()
  const message = `Cannot load the embedded broker: ${reason}. Install the package classic-level for this platform, or use "memory:" or Kafka.`
  throw new TransportError(message, { cause: error, retriable: false })
}

function report(said: Report): void {
  parentPort?.postMessage(said)
}

function reportedLog(inherited: object): Logger {
  const line = (level: Level) => (facts: object, message: string) =>
    report({ type: 'log', level, facts: portable({ ...inherited, ...facts }), message })
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: facts => reportedLog({ ...inherited, ...facts }),
  }
}

/** Errors lose their class on the way, and what is no plain value does not get there at all. */
function portable(facts: object): object {
  return JSON.parse(
    JSON.stringify(facts, (_, fact: unknown) => (fact instanceof Error ? `${fact.name}: ${fact.message}` : fact)),
  ) as object
}
