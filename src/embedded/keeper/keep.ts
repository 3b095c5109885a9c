import type { Socket } from 'node:net'
import { type FaustError, TransportError } from '../../errors.js'
import { exponential } from '../../lib/backoff.js'
import { type Clock, sleep } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import { encodeError } from '../wire/wire-error.js'
import { directoryError } from './directory-error.js'
import { prepareDirectory } from './directory.js'
import { connectTo, LocalSocket } from './local-socket.js'
import type { Report } from './report.js'

/** A directory that wants to be served, and what that takes. */
export interface Post {
  /** As `resolveDirectory` spells it. */
  readonly directory: string
  /** Opens the files; `null` when another process has them open. */
  readonly open: () => Promise<OpenBroker | null>
  readonly report: (report: Report) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Ends it: what is served is handed over. */
  readonly signal: AbortSignal
}

/** A broker whose files are open in this thread. */
export interface OpenBroker {
  readonly epoch: number
  /** Settles when it can no longer serve, with the reason. */
  readonly failed: Promise<Error>
  accept(socket: Socket): void
  /** Ends the connections, finishes what was begun and closes the files. */
  close(): Promise<void>
}

/**
 * Serves the directory whenever nobody else does, until told to stop. Throws what will not go away by itself.
 *
 * Whoever serves holds LevelDB's lock *and* answers on the socket. The lock alone proves nothing: closing any descriptor of
 * its file drops it, and LevelDB itself does so where a second thread of one process tries. So nobody opens the files while
 * somebody answers, one thread of a process at a time does, and whoever serves answers until its files are closed.
 */
export async function keep(post: Post): Promise<void> {
  const { clock, signal } = post
  const backoff = exponential({ initialMs: 2, maxMs: 1_000, random: post.random })
  for (let attempt = 0; !signal.aborted;) {
    const beganMs = clock.elapsed()
    const trouble = await takeTurn(post).catch((error: unknown) => directoryError(error, post.directory))
    if (trouble?.retriable === false) throw trouble
    if (trouble !== null) post.report({ type: 'trouble', error: encodeError(trouble) })
    attempt = trouble === null && clock.elapsed() - beganMs >= calmMs ? 0 : attempt + 1
    if (trouble !== null && attempt === noteworthyAttempt) post.log.warn({}, `${trouble.message} Trying again.`)
    if (attempt > 0) await sleep(clock, backoff.delayMs(attempt), { kind: 'service', signal })
  }
}

/** What went well for so long is followed by the next turn at once. */
const calmMs = 100
/** About a second of attempts: a lock that is not free yet is nothing to talk about before. */
const noteworthyAttempt = 10
const ownershipCheckMs = 1_000

/** Watches whoever serves, or serves, until that is over; returns what went wrong. */
async function takeTurn(post: Post): Promise<FaustError | null> {
  const { directory } = post
  const answer = await connectTo(directory)
  if (answer === 'busy') return unanswered(directory, 'whoever serves it takes no more connections')
  if (answer !== 'nobody') return standBy(answer, post)
  post.report({ type: 'opening' })
  await prepareDirectory(directory)
  const socket = await LocalSocket.claim(directory)
  if (socket === null) return unanswered(directory, 'another thread of this process is opening it')
  try {
    return (await isAnswered(directory)) ? null : await open(socket, post)
  } finally {
    await socket.close()
  }
}

function unanswered(directory: string, reason: string): TransportError {
  const remedy = `If this lasts, see which one it is (lsof ${directory}/metadata/LOCK), and stop it.`
  return new TransportError(`Cannot reach the embedded broker in ${directory}: ${reason}. ${remedy}`)
}

async function standBy(socket: Socket, { directory, log, report, signal }: Post): Promise<null> {
  const leave = (): void => void socket.destroy()
  signal.addEventListener('abort', leave)
  report({ type: 'standing by' })
  log.debug({}, `This process watches over the embedded broker in ${directory}.`)
  await new Promise(resolve => {
    socket.on('error', leave).once('close', resolve).resume()
    if (signal.aborted) leave()
  })
  signal.removeEventListener('abort', leave)
  return null
}

/** Opens the files, which are closed again before the socket is. */
async function open(socket: LocalSocket, post: Post): Promise<FaustError | null> {
  const broker = await post.open()
  if (broker === null) return unanswered(post.directory, 'another process has it open but does not answer')
  try {
    if (!(await isAnswered(post.directory))) await serve(broker, socket, post)
    return null
  } finally {
    socket.hold()
    await broker.close()
  }
}

async function serve(broker: OpenBroker, socket: LocalSocket, post: Post): Promise<void> {
  await socket.appear(client => broker.accept(client))
  post.report({ type: 'serving' })
  post.log.info({ epoch: broker.epoch }, `This process now serves the embedded broker in ${post.directory}.`)
  await untilOver(broker, socket, post)
}

async function isAnswered(directory: string): Promise<boolean> {
  const answer = await connectTo(directory)
  if (typeof answer !== 'string') answer.destroy()
  return answer !== 'nobody'
}

/** Until told to stop, until the broker fails, or until others would no longer arrive here. */
async function untilOver(broker: OpenBroker, socket: LocalSocket, { directory, clock, log, signal }: Post): Promise<void> {
  const over = new AbortController()
  const end = await Promise.race([aborted(signal), broker.failed, untilLost(socket, clock, over.signal)])
  over.abort()
  if (end === 'lost') {
    log.warn({}, `The socket of the embedded broker in ${directory} was removed or replaced: this process stops serving it.`)
  } else if (end !== 'stopped') {
    log.error({ error: end }, `The embedded broker in ${directory} failed: whoever takes over goes on from what is on disk.`)
  }
}

function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise(resolve => {
    if (signal.aborted) resolve('stopped')
    signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
}

async function untilLost(socket: LocalSocket, clock: Clock, over: AbortSignal): Promise<'lost'> {
  while (!over.aborted && (await socket.isOwn())) await sleep(clock, ownershipCheckMs, { kind: 'background', signal: over })
  return 'lost'
}
