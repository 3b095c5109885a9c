import { Crew } from '../agent/crew.js'
import { hop } from '../agent/hop.js'
import { RequestReaders } from '../agent/request-readers.js'
import type { AppAgent } from '../agent/agent.js'
import { AppChannel } from '../channel/channel.js'
import type { Host, Subscription } from '../channel/host.js'
import { Inbox } from '../channel/inbox.js'
import type { Outbox } from '../channel/outbox.js'
import type { AppTopic } from '../channel/topic.js'
import { ClosedError } from '../errors.js'
import { nextTurn, sleep, systemClock, waitAtMost, type Activity, type Clock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { formatMs } from '../lib/duration.js'
import type { Logger } from '../lib/log.js'
import { thrown } from '../lib/thrown.js'
import { TurnBudget } from '../lib/turn.js'
import type { Stream, Topic } from '../stream/contract.js'
import type { BodyScope } from '../stream/current-event.js'
import type { Hands } from '../stream/hands.js'
import type { Held } from '../stream/lane.js'
import type { EventStream } from '../stream/stream.js'
import { topicDifferences } from '../transport/topic-differences.js'
import type { TopicDescription } from '../transport/transport.js'
import { Assignment } from './assignment.js'
import { TaskBody } from './body.js'
import { Link } from './link.js'
import { LoopWatch } from './loop-watch.js'
import type { Partition } from './partition.js'
import { Scheduler, type TimerDeclaration } from './scheduler.js'
import type { Plan, WorkerSettings } from './settings.js'
import { Tasks } from './tasks.js'

/** A worker lives until it is stopped, also when nothing else keeps its process alive. */
const pulseMs = 60_000
/** How long what is still on its way may hold up the very end. */
const lastFlushMs = 5_000
/** How long a worker that stops hopes for answers to what its own agents were asked. */
const answerMs = 1_000

/** One running worker of an app: the only place that knows all stages. */
export class Worker implements Host {
  /** As the broker knows it. */
  readonly clientId: string
  readonly clock: Clock
  readonly log: Logger
  readonly turn: TurnBudget
  readonly checksRoundTrips: boolean
  readonly link: Link
  readonly crews: readonly Crew[]
  readonly #plan: Plan
  readonly #settings: WorkerSettings
  readonly #assignment: Assignment
  readonly #scheduler: Scheduler
  readonly #tasks: Tasks
  readonly #loopWatch: LoopWatch
  readonly #requestReaders: RequestReaders
  readonly #inboxes = new Map<AppChannel, Inbox>()
  readonly #adopted = new Set<Hands>()
  readonly #ticks = new Set<TaskBody>()
  readonly #life = new AbortController()
  readonly #stopped = new Deferred<void>()
  #failure: { error: unknown } | null = null
  #stopping: Promise<void> | null = null

  constructor(plan: Plan, settings: WorkerSettings) {
    this.#plan = plan
    this.#settings = settings
    this.clientId = settings.clientId
    this.clock = settings.clock
    this.log = settings.log
    this.turn = new TurnBudget(settings.clock)
    this.checksRoundTrips = settings.checksRoundTrips
    this.link = new Link({
      ...settings,
      appId: plan.appId,
      specFor: plan.specFor,
      onHopeless: error => {
        this.#assignment.committer.halt()
        this.fail(error)
      },
      onUndelivered: error => this.#assignment.committer.undelivered(error),
    })
    this.#assignment = new Assignment({
      appId: plan.appId,
      host: this,
      link: this.link,
      settings,
      culprits: partition => this.#culprits(partition),
    })
    const { leadership } = this.#assignment
    const leading = { isLeader: () => leadership.isLeader, leaderSignal: () => leadership.signal() }
    this.#scheduler = new Scheduler({ clock: this.clock, log: this.log, ...leading })
    this.#tasks = new Tasks({ host: this, leadership, isScoped: settings.isScoped })
    this.#requestReaders = new RequestReaders(plan.agents)
    this.crews = plan.agents.map(agent => this.#newCrew(agent))
    this.#loopWatch = new LoopWatch({ clock: this.clock, log: this.log, atWork: () => this.#namesAtWork() })
    this.#stopped.promise.catch(() => undefined)
  }

  /** Runs all bodies up to their first request for an event, creates what is missing, joins the group once. */
  async start(): Promise<void> {
    try {
      const connection = await this.link.connection()
      if (this.#stopping !== null) throw new ClosedError('The worker was stopped while it was starting.')
      this.#life.signal.addEventListener(
        'abort',
        this.clock.watch(() => this.#activity()),
      )
      for (const crew of this.crews) crew.start()
      this.#tasks.start(this.#plan.tasks)
      await nextTurn(this.clock)
      this.#reportDifferences(await this.link.createMissing(this.#plan.topics))
      await this.#assignment.join(connection)
      this.#scheduler.start(this.#plan.timers.map(timer => this.#inBody(timer)))
      void this.#beat()
      // A virtual clock is never late.
      if (this.clock === systemClock && this.#stopping === null) this.#loopWatch.start()
    } catch (error) {
      this.fail(error)
    }
    if (this.#failure === null) return
    await this.stop()
    throw this.#failure.error
  }

  /** Drains, commits, leaves, closes; never rejects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Settles when the worker has stopped; rejects with what brought it down. */
  get stopped(): Promise<void> {
    return this.#stopped.promise
  }

  fail(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = { error }
    this.log.error({ error }, `The worker stops: ${thrown(error).message}`)
    void this.stop()
  }

  get outbox(): Outbox {
    return this.link.outbox
  }

  subscribe(subscription: Subscription): void {
    this.#assignment.subscribe(subscription)
  }

  adopt(hands: Hands): void {
    this.#adopted.add(hands)
  }

  inbox(channel: AppChannel): Inbox {
    const inbox = this.#inboxes.get(channel) ?? this.#plan.earlyInbox(channel) ?? new Inbox(channel.name, channel.capacity)
    this.#inboxes.set(channel, inbox)
    return inbox
  }

  topicNamed(name: string): AppTopic {
    return this.#plan.topicNamed(name)
  }

  hop(source: EventStream, topic: Topic<unknown, unknown>, body: BodyScope | null): Stream<unknown, unknown> {
    return hop({ host: this, source, topic: topic as unknown as AppTopic, body })
  }

  /** What exists is not changed: whoever declares something else may have meant another topic. */
  #reportDifferences(existing: readonly TopicDescription[]): void {
    for (const found of existing) {
      const differences = topicDifferences(this.#plan.saidOf(found.name), found)
      if (differences.length === 0) continue
      const remedy = 'It is left as it is: correct the declaration, or change the topic at the broker'
      this.log.warn({ topic: found.name }, `The topic "${found.name}" is not as declared: ${differences.join(', ')}. ${remedy}`)
    }
  }

  #newCrew(agent: AppAgent): Crew {
    return new Crew({ agent, host: this, isScoped: this.#settings.isScoped, requestReaders: this.#requestReaders })
  }

  /** Each run of a timer is a body, so that it is known when it only waits for an answer. */
  #inBody(timer: TimerDeclaration): TimerDeclaration {
    const run = async (signal: AbortSignal): Promise<void> => {
      const body = new TaskBody(this, timer.name)
      this.#ticks.add(body)
      try {
        await body.run(async () => void (await timer.run(signal)), this.#settings.isScoped)
      } finally {
        this.#ticks.delete(body)
      }
    }
    return { ...timer, run }
  }

  /** Everybody who may have events in hand. */
  get #holders(): readonly { readonly who: string; readonly inHand: readonly Held[] }[] {
    return [
      ...this.crews.map(({ agent, inHand }) => ({ who: `agent "${agent.name}"`, inHand })),
      ...[...this.#tasks.bodies].map(({ name, hands }) => ({ who: `task "${name}"`, inHand: hands.peek() })),
      ...[...this.#ticks].map(({ name, hands }) => ({ who: `timer "${name}"`, inHand: hands.peek() })),
      ...[...this.#adopted].map(hands => ({ who: 'a stream outside any agent', inHand: hands.peek() })),
    ]
  }

  /** Who holds events of a partition, in words. */
  #culprits(partition: Partition): readonly string[] {
    const { topic, partition: number } = partition.at
    const named = this.#holders.flatMap(({ who, inHand }) => {
      const held = inHand.filter(({ lot }) => lot.tenure === partition).map(({ lot, index }) => lot.columns.offset(index))
      return held.length > 0 ? `${who} still works on "${topic}"[${number}]@${held.sort((one, two) => one - two).join(',')}` : []
    })
    return [...new Set(named)]
  }

  /** Who has something to do, in words: whoever has just finished need not have anything in hand. */
  #namesAtWork(): readonly string[] {
    const holders = this.#holders.flatMap(({ who, inHand }) => (inHand.length > 0 ? who : []))
    const behind = this.crews.filter(({ actors }) => actors.some(({ queue }) => queue.hasEvents))
    return [...new Set([...holders, ...behind.map(({ agent }) => `agent "${agent.name}"`), ...this.#scheduler.running])]
  }

  async #stop(): Promise<void> {
    // Whoever fails may be in the middle of something: let it come to its next step.
    await nextTurn(this.clock)
    const deadline = this.clock.now() + this.#settings.drainTimeoutMs
    this.#assignment.leadership.update(false)
    for (const hands of this.#adopted) this.#dismiss(hands)
    for (const tick of this.#ticks) tick.end()
    const others = [this.#scheduler.stop(), this.#tasks.stop()]
    await this.#stopSenders(deadline)
    for (const crew of this.crews) crew.stop()
    // Nobody makes room any more: whoever waits for it must hear so.
    for (const inbox of this.#inboxes.values()) inbox.close()
    for (const crew of this.crews) void this.#refuseAsks(crew)
    const ended = [...others, ...this.crews.map(crew => crew.ended())]
    if (!(await waitAtMost(this.clock, deadline - this.clock.now(), Promise.all(ended)))) this.#reportLate()
    await this.#assignment.leave(deadline)
    await this.link.close(lastFlushMs)
    this.#loopWatch.stop()
    this.#life.abort()
    if (this.#failure === null) this.#stopped.resolve()
    else this.#stopped.reject(this.#failure.error)
  }

  /** Whoever works for a topic may wait for room in a channel: its readers go on meanwhile, unless the worker has failed. */
  async #stopSenders(deadline: number): Promise<void> {
    const senders = this.crews.filter(({ agent }) => !(agent.source instanceof AppChannel))
    for (const crew of senders) crew.stop()
    if (this.#failure !== null || senders.length === this.crews.length) return
    await waitAtMost(this.clock, deadline - this.clock.now(), Promise.all(senders.map(crew => crew.ended())))
  }

  /** An agent that has ended answers nobody: once other workers have had a moment to, who waits for it breaks off its work. */
  async #refuseAsks(crew: Crew): Promise<void> {
    await crew.ended()
    await sleep(this.clock, answerMs, { kind: 'background', signal: this.#life.signal })
    this.link.replies.refuse(crew.agent.name)
  }

  #reportLate(): void {
    const crews = this.crews.filter(({ actors }) => actors.some(({ hands }) => hands.hasRead))
    const late = [...this.#scheduler.running, ...this.#tasks.running, ...crews.map(({ agent }) => `agent "${agent.name}"`)]
    const after = formatMs(this.#settings.drainTimeoutMs)
    this.log.warn({ late }, `Gave up waiting after ${after}: ${late.join(', ')} did not end; the worker stops without`)
  }

  /** A program that stops its worker is done with what its loops were left with. */
  #dismiss(hands: Hands): void {
    hands.end()
    if (this.#failure === null) hands.settleLeft()
    else hands.abandonLeft()
  }

  #activity(): Activity {
    const bodies = [...this.crews.flatMap(({ actors }) => actors), ...this.#tasks.bodies]
    const atWork = bodies.filter(({ hands }) => hands.isAtWork).length
    const loops = [...this.#adopted].filter(hands => hands.isLooping).length
    const ticks = [...this.#ticks].filter(({ hands }) => hands.asking === 0).length
    const restarting = this.crews.reduce((sum, crew) => sum + crew.restarting, 0)
    return { queued: ticks + restarting, atWork: atWork + loops, asking: 0 }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#life
    while (!signal.aborted) await sleep(this.clock, pulseMs, { kind: 'service', signal })
  }
}
