import type { Logger } from './log.js'

/** A logger that speaks up only when something is wrong: what it writes with is opened for its first warning. */
export function quietLogger(open: () => Promise<Logger>): Logger {
  let opened: Promise<Logger> | null = null
  const opening = (): Promise<Logger> => (opened ??= open())
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (facts, message) => void opening().then(logger => logger.warn(facts, message)),
    error: (facts, message) => void opening().then(logger => logger.error(facts, message)),
    child: facts => quietLogger(async () => (await opening()).child(facts)),
  }
}
