import { expect, test } from 'vitest'
import type { Home, Host, Subscription } from '../channel/host.js'
import { AppTopic } from '../channel/topic.js'
import { TransportError } from '../errors.js'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { TurnBudget } from '../lib/turn.js'
import { sleep } from '../lib/clock.js'
import { json } from '../message/codec.js'
import { StreamQueue } from '../stream/queue.js'
import { virtualClock } from '../testing/virtual-clock.js'
import type { Deliver, LogPartition, PartitionOffset, Reader, Start, TopicDescription, TopicPartition } from '../transport/transport.js'
import { Committer } from './commit.js'
import { Partitions } from './partitions.js'

const names = ['a', 'b']
const key = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

test.for(Array.from({ length: Number(process.env.SEEDS ?? 400) }, (_, i) => i + 1))('seed %i', async seed => {
  const random = seededRandom(seed)
  const clock = virtualClock()
  const pick = (n: number) => Math.floor(random.next() * n)
  const ids = new Map<string, string | null>(names.map(n => [n, `${n}0`]))
  let count = 0
  const store = new Map<string, PartitionOffset>()
  const delay = () => (pick(3) === 0 ? Promise.resolve() : sleep(clock, pick(3000), { kind: 'work' }))
  let calm = false
  const feeds = new Map<string, { at: LogPartition; start: Start; deliver: Deliver }>()
  const problems: string[] = []
  const most = new Map<string, number>()
  const reader: Reader = {
    add: (at, start, deliver) => {
      if (feeds.has(key(at))) throw new TransportError('twice')
      if (typeof start === 'number' && start > (most.get(`${at.topicId} ${key(at)}`) ?? -1)) problems.push(`skips ${key(at)} ${start}`)
      const feed = { at, start, deliver }
      feeds.set(key(at), feed)
      void watchFeed(feed)
    },
    remove: at => void feeds.delete(key(at)),
    resume: () => undefined,
    position: () => undefined,
    highWatermark: () => undefined,
    close: () => Promise.resolve(),
  }
  const failed = new Set<object>()
  function report(feed: { at: LogPartition }, why: string) {
    if (feeds.get(key(feed.at)) !== feed || failed.has(feed)) return
    failed.add(feed)
    void partitions.unreadable(feed.at, new TransportError(why))
  }
  async function watchFeed(feed: { at: LogPartition }) {
    await delay()
    if (ids.get(feed.at.topic) !== feed.at.topicId) report(feed, 'deleted')
    else if (!calm && pick(6) === 0) report(feed, 'damaged')
  }
  const home: Home = { id: 'app', codec: json, partitions: 2, host: () => host, worker: () => host }
  const host = { clock, log: silentLogger, turn: new TurnBudget(clock), checksRoundTrips: false, fail: (e: Error) => problems.push(e.message) } as unknown as Host
  const topics = new Map(names.map(n => [n, new AppTopic(home, n, {})]))
  const queue = new StreamQueue()
  const subs = new Map(names.map(n => [n, [{ topic: topics.get(n)!, queueFor: () => queue } as Subscription]]))
  const describe = async (asked: readonly string[]): Promise<TopicDescription[]> => {
    const snapshot = new Map(ids)
    if (pick(2) === 0) await delay()
    if (!calm && pick(6) === 0) throw new TransportError('no brokers')
    const seen = pick(2) === 0 ? ids : snapshot
    const out = asked.flatMap(n => (seen.get(n) ? [{ name: n, id: seen.get(n)!, partitions: 2, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }] : []))
    if (pick(2) === 0) await delay()
    return out
  }
  const partitions = new Partitions({
    host,
    reader: () => reader,
    describe,
    random,
    group: () => ({
      committed: async asked => {
        await delay()
        if (!calm && pick(8) === 0) throw new TransportError('no coordinator')
        const found = asked.flatMap(at => store.get(key(at)) ?? [])
        if (pick(2) === 0) await delay()
        return found
      },
    }),
    subscribersOf: t => subs.get(t) ?? [],
    drainTimeoutMs: 2000,
    culprits: () => [],
    commit: list => committer.commit(list),
    onSettled: null,
    onProgress: () => undefined,
  })
  const membership = { groupId: 'g', memberId: 'm', instanceId: null, generation: 1, isLeader: true, assignment: Buffer.alloc(0) }
  const committer = new Committer({
    clock,
    log: silentLogger,
    outbox: { flush: () => delay() },
    group: () => ({
      commit: async offsets => {
        await delay()
        if (!calm && pick(8) === 0) throw new TransportError('no')
        if (pick(2) === 0) for (const at of offsets) if (at.topicId !== ids.get(at.topic)) throw new TransportError('gone')
        for (const at of offsets) store.set(key(at), at)
        await delay()
      },
    }),
    membership: () => membership,
    partitions: () => partitions.all,
    check: () => partitions.check(),
    intervalMs: 500,
    every: undefined,
    onFenced: () => partitions.reopen(),
    onFatal: e => problems.push(e.message),
  })
  committer.start()
  const owned = new Set<string>()
  let rounds: Promise<void> = Promise.resolve()
  const parse = (k: string) => ({ topic: k.split('/')[0]!, partition: Number(k.split('/')[1]) })
  const all = names.flatMap(n => [`${n}/0`, `${n}/1`])
  const round = (f: () => Promise<void>) => (rounds = rounds.then(f))
  let isLost = 0
  for (let step = 0; step < 40; step++) {
    const what = pick(9)
    if (what < 2) {
      const k = all[pick(4)]!
      round(async () => {
        if (owned.has(k)) return
        owned.add(k)
        const before = isLost
        try {
          await partitions.assign([parse(k)])
        } catch {
          if (before === isLost) { owned.clear(); isLost++; partitions.lose() }
        }
      })
    } else if (what === 2) {
      const k = all[pick(4)]!
      round(async () => {
        if (!owned.has(k)) return
        await partitions.revoke([parse(k)])
        owned.delete(k)
      })
    } else if (what === 3) { isLost++; owned.clear(); partitions.lose() }
    else if (what === 4) { const n = names[pick(2)]!; ids.set(n, null); if (pick(2)) void partitions.check() }
    else if (what === 5) { const n = names[pick(2)]!; ids.set(n, `${n}${++count}`); if (pick(2)) void partitions.check() }
    else if (what === 6) committer.undelivered(new TransportError('x'))
    else if (what === 7) {
      for (const p of partitions.all) if (pick(2) === 0) { p.passed(p.ledger.position + 1 + pick(5)); most.set(`${p.at.topicId} ${key(p.at)}`, p.ledger.position); committer.wake() }
    }
    else for (const f of feeds.values()) void watchFeed(f)
    await clock.advance(pick(1500))
  }
  calm = true
  for (const n of names) ids.set(n, ids.get(n) ?? `${n}${++count}`)
  void partitions.check()
  let done = false
  void rounds.then(() => (done = true))
  for (let i = 0; i < 120; i++) {
    await clock.advance(1000)
    if (i < 20) for (const f of feeds.values()) void watchFeed(f)
  }
  expect(done).toBe(true)
  const open = partitions.all.map(p => `${key(p.at)} ${p.at.topicId}`).sort()
  expect(open).toEqual([...owned].map(k => `${k} ${ids.get(parse(k).topic)}`).sort())
  expect([...feeds.keys()].sort()).toEqual([...owned].sort())
  for (const p of partitions.all) expect(p.isOver || p.isLeaving).toBe(false)
  for (const f of feeds.values()) expect(failed.has(f)).toBe(false)
  expect(problems.filter(p => !p.includes('3 times'))).toEqual([])
  committer.stop()
})
