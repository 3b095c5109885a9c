import { Option, type Command } from 'commander'
import type { App, Logger } from '../index.js'
import { systemClock } from '../lib/clock.js'
import { launchWorker, parentOfWorker, type Parent } from './child-worker.js'
import { Fleet, type FleetOptions } from './fleet.js'
import { readCount } from './read-count.js'
import { isAlone, openLog, runs, type Session, type Shell } from './session.js'
import { StopSignals } from './stop-signals.js'
import { usageError } from './usage-error.js'

/** `faust worker`. */
export function addWorker(program: Command, shell: Shell): void {
  const command = program
    .command('worker')
    .description('run the app: its agents, timers and tasks')
    .option('--processes <n>', 'run so many workers, each a process of its own', readCount, 1)
    .addOption(new Option('--web-port <port>', 'reserved for the dashboard').hideHelp())
    .addHelpText(
      'after',
      '\nCtrl-C stops it when what is in hand is finished; a second Ctrl-C stops it at once.\n\nExample:\n  $ faust -A ./app.ts worker -l info',
    )
  runs(command, shell, async session => {
    const { processes, webPort } = command.opts<{ processes: number; webPort?: string }>()
    if (webPort !== undefined) throw usageError('--web-port: the dashboard is not in this version. Leave the option out.')
    const parent = parentOfWorker()
    shell.exitCode = processes > 1 && parent === null ? await workTogether(session, processes) : await work(session, parent)
  })
}

/** Runs several workers, each in a child process, until all have ended; resolves to the exit code. */
async function workTogether(session: Session, count: number): Promise<number> {
  const { app } = session
  const { id, broker, instanceId } = app.describe()
  if (isAlone(app)) {
    throw usageError(
      `--processes ${count}: on "${broker}" each process would have a broker of its own. Name one that processes share: --broker embedded:./.faust`,
    )
  }
  const log = await openLog(session, 'info')
  log.info({ broker, processes: count }, `Starting ${count} workers of "${id}"`)
  const launch: FleetOptions['launch'] = (number, events) => launchWorker({ number, instanceId }, events)
  const fleet = new Fleet({ count, launch, clock: systemClock, log })
  using _signals = new StopSignals(
    signal => fleet.stop(signal),
    signal => {
      log.warn({ signal }, 'Stopping at once: what was in hand will be done again')
      fleet.stop('SIGKILL')
    },
  )
  return await fleet.ended
}

/** Runs a worker to its end; resolves to the exit code. */
async function work(session: Session, parent: Parent | null): Promise<number> {
  const { app } = session
  const general = await openLog(session, 'info')
  const log = parent === null ? general : general.child({ worker: parent.number })
  using _world = app.override({ logger: log })
  const stop = new Stop(app, log)
  using _signals = new StopSignals(
    signal => stop.call({ signal }, 'Stopping: what is in hand is finished first; the same again stops at once'),
    signal => {
      log.warn({ signal }, 'Stopping at once: what was in hand will be done again')
      process.exit(1)
    },
  )
  parent?.onGone(() => stop.call({}, 'Stopping: the process that has started this one is gone'))
  let isStarted = false
  announce(app, log)
  try {
    const running = await app.start()
    isStarted = true
    if (!stop.isCalled) log.info({}, 'Ready')
    parent?.ready()
    await running.stopped
    await stop.done
    log.info({}, 'Stopped')
    return 0
  } catch (error) {
    // A start that was called off ends in an error of its own.
    if (stop.isCalled && !isStarted) return 0
    log.error({ error }, isStarted ? 'The worker has come down' : 'The worker cannot start')
    return 1
  }
}

function announce(app: App, log: Logger): void {
  const { id, broker, agents, topics } = app.describe()
  const facts = { broker, agents: agents.map(({ name }) => name), topics: topics.map(({ name }) => name) }
  log.info(facts, `Starting a worker of "${id}"`)
  if (isAlone(app)) log.info({ broker }, 'No other process reaches this broker: what is sent must be sent from this one')
}

/** A stop that may be called for while the app starts. */
class Stop {
  isCalled = false
  /** Settles when what the call began is done. */
  done: Promise<void> = Promise.resolve()
  readonly #app: App
  readonly #log: Logger

  constructor(app: App, log: Logger) {
    this.#app = app
    this.#log = log
  }

  call(facts: object, why: string): void {
    if (this.isCalled) return
    this.isCalled = true
    this.#log.info(facts, why)
    this.done = this.#app[Symbol.asyncDispose]()
    this.done.catch(() => undefined)
  }
}
