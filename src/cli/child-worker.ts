import { fork } from 'node:child_process'
import type { Child, ChildEvents } from './fleet.js'

// How the workers of `--processes` are started, and how they know their parent: both ends of one thread.

/** The process that has started this one as one of several workers. */
export interface Parent {
  /** Which of the workers this is, counted from 1. */
  readonly number: number
  /** Says that the worker is at work. */
  ready(): void
  /** Calls when the parent has gone, however it ended. */
  onGone(run: () => void): void
}

/** Runs the command line of this process once more, as the worker of that number. */
export function launchWorker(options: { number: number; instanceId: string | undefined }, events: ChildEvents): Child {
  const { number, instanceId } = options
  const [, script = '', ...words] = process.argv
  const identity = instanceId === undefined ? {} : { FAUST_INSTANCE_ID: `${instanceId}-${number}` }
  const child = fork(script, words, {
    env: { ...process.env, ...identity, [numberVariable]: String(number) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // A terminal sends Ctrl-C to its whole process group: the parent alone passes it on, so that it counts once.
    detached: true,
  })
  let isOver = false
  const ended = (failure: string | null): void => {
    if (!isOver) events.ended(failure)
    isOver = true
  }
  child.on('message', message => {
    if (message === readyMessage) events.ready()
  })
  child.once('exit', (code, signal) => ended(code === 0 ? null : code === null ? `signal ${signal}` : `exit code ${code}`))
  child.on('error', error => {
    if (child.pid === undefined) ended(error.message)
  })
  return { kill: signal => void child.kill(signal) }
}

/** Who has started this process, if it is one of several workers; asked once. */
export function parentOfWorker(): Parent | null {
  const number = process.env[numberVariable]
  // What this process starts itself is no worker of that parent.
  delete process.env[numberVariable]
  if (number === undefined || process.send === undefined) return null
  return {
    number: Number(number),
    // A parent that dies meanwhile is no error of the worker: `onGone` tells.
    ready: () => void (process.connected && process.send?.(readyMessage, undefined, undefined, () => undefined)),
    onGone: run => void (process.connected ? process.once('disconnect', run) : run()),
  }
}

const numberVariable = 'FAUST_WORKER_NUMBER'
const readyMessage = 'ready'
