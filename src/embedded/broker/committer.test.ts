import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { nextTurn, systemClock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { Committer, type Staged } from './committer.js'
import { type Changes, Metadata } from './metadata.js'

let folder: string
let metadata: Metadata

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'committer-'))
  metadata = (await Metadata.open(folder)) as Metadata
})

afterEach(async () => {
  await metadata.close()
  await rm(folder, { recursive: true })
})

/** Metadata whose commits wait for a sign, or fail. */
class Gated {
  readonly commits: { readonly changes: Changes; readonly isSynced: boolean; readonly gate: Deferred<void> }[] = []
  #staged: Changes = new Map()

  set(key: string, value: object | number | string): void {
    this.#staged.set(key, value)
  }

  take(): Changes {
    const taken = this.#staged
    this.#staged = new Map()
    return taken
  }

  commit(changes: Changes, { isSynced }: { isSynced: boolean }): Promise<void> {
    const gate = new Deferred<void>()
    this.commits.push({ changes, isSynced, gate })
    return gate.promise
  }
}

function gated(): { gate: Gated; committer: Committer } {
  const gate = new Gated()
  return { gate, committer: new Committer(gate as unknown as Metadata, systemClock) }
}

/** Collects what runs after commits. */
function recorder(committer: Committer): { readonly seen: string[]; after: (name: string) => void } {
  const seen: string[] = []
  return { seen, after: name => committer.after(error => seen.push(error === null ? name : `${name}: ${error.message}`)) }
}

async function turns(count: number = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn(systemClock)
}

describe('answers', () => {
  test('wait for the commit that contains everything before them, and keep their order', async () => {
    const { gate, committer } = gated()
    const { seen, after } = recorder(committer)
    committer.set('a', 1)
    after('a')
    committer.set('b', 2)
    after('b')
    await turns()
    expect([seen, gate.commits.map(({ changes }) => [...changes.keys()])]).toEqual([[], [['a', 'b']]])
    committer.set('c', 3)
    after('c')
    await turns()
    expect(gate.commits).toHaveLength(1)
    gate.commits[0]?.gate.resolve()
    await turns()
    expect(seen).toEqual(['a', 'b'])
    expect([...(gate.commits[1]?.changes ?? [])]).toEqual([['c', 3]])
    gate.commits[1]?.gate.resolve()
    await turns()
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  test('that follow no change go out at once, but not before a commit that is under way', async () => {
    const { gate, committer } = gated()
    const { seen, after } = recorder(committer)
    after('first')
    expect(seen).toEqual(['first'])
    committer.set('a', 1)
    await turns()
    after('second')
    expect(seen).toEqual(['first'])
    gate.commits[0]?.gate.resolve()
    await turns()
    expect(seen).toEqual(['first', 'second'])
    expect(gate.commits).toHaveLength(1)
    expect(committer.isBusy).toBe(false)
  })

  test('that others lead to come behind those that wait already', async () => {
    const { gate, committer } = gated()
    const { seen, after } = recorder(committer)
    committer.set('a', 1)
    committer.after(() => {
      after('third')
      committer.set('b', 2)
      after('fourth')
    })
    after('first')
    after('second')
    await turns()
    gate.commits[0]?.gate.resolve()
    await turns()
    expect(seen).toEqual(['first', 'second', 'third'])
    gate.commits[1]?.gate.resolve()
    await turns()
    expect(seen).toEqual(['first', 'second', 'third', 'fourth'])
  })

  test('fail when the commit does, and so does everything afterwards', async () => {
    const { gate, committer } = gated()
    const { seen, after } = recorder(committer)
    committer.set('a', 1)
    after('a')
    await turns()
    committer.set('b', 1)
    after('b')
    gate.commits[0]?.gate.reject(new TransportError('broken'))
    expect((await committer.failed).message).toBe('broken')
    await turns()
    committer.set('c', 1)
    after('c')
    await turns()
    expect(seen).toEqual(['b: broken', 'a: broken', 'c: broken'])
    expect(gate.commits).toHaveLength(1)
    await expect(committer.committed()).rejects.toThrow('broken')
  })

  test('of what is staged by somebody who cannot fail too', async () => {
    const { committer } = gated()
    const { seen, after } = recorder(committer)
    committer.touch({
      stage: () => {
        throw new TransportError('cannot stage')
      },
    })
    after('a')
    await turns()
    expect(seen).toEqual(['a: cannot stage'])
  })
})

describe('what is touched', () => {
  test('is staged once, when the commit begins, and published when it has ended', async () => {
    const { gate, committer } = gated()
    let [value, published] = [0, 0]
    const staged: Staged = { stage: into => into.set('value', value), publish: () => void published++ }
    for (value = 1; value < 5; value++) committer.touch(staged)
    await turns()
    value = 99
    expect([...(gate.commits[0]?.changes ?? [])]).toEqual([['value', 5]])
    expect(published).toBe(0)
    gate.commits[0]?.gate.resolve()
    await turns()
    expect(published).toBe(1)
  })

  test('gets to the disk before the metadata, where somebody asks for it', async () => {
    const { gate, committer } = gated()
    const synced = new Deferred<void>()
    let syncs = 0
    const staged: Staged = {
      stage: into => into.set('a', 1),
      sync: () => (syncs++, synced.promise),
    }
    committer.touch(staged)
    await turns()
    expect([syncs, gate.commits[0]?.isSynced]).toEqual([0, false])
    gate.commits[0]?.gate.resolve()
    await turns()
    committer.durably(() => committer.touch(staged))
    committer.set('b', 1)
    await turns()
    expect([syncs, gate.commits.length]).toEqual([1, 1])
    synced.resolve()
    await turns()
    expect(gate.commits[1]?.isSynced).toBe(true)
    gate.commits[1]?.gate.resolve()
    committer.set('c', 1)
    await turns()
    expect(gate.commits[2]?.isSynced).toBe(false)
  })

  test('while the disk is waited for belongs to the next commit, with all of its parts', async () => {
    const { gate, committer } = gated()
    const synced = new Deferred<void>()
    let end = 1
    const staged: Staged = { stage: into => into.set('end', end), sync: () => synced.promise }
    const change = (): void => {
      committer.touch(staged)
      committer.set('answer', end)
    }
    committer.durably(change)
    await turns()
    end = 2
    change()
    synced.resolve()
    await turns()
    expect(Object.fromEntries(gate.commits[0]?.changes ?? [])).toEqual({ end: 1, answer: 1 })
    gate.commits[0]?.gate.resolve()
    await turns()
    expect(Object.fromEntries(gate.commits[1]?.changes ?? [])).toEqual({ end: 2, answer: 2 })
  })
})

test('what is committed is there after the next opening, and nothing else', async () => {
  const committer = new Committer(metadata, systemClock)
  committer.set('offset/a/b/0', 5)
  committer.set('offset/a/b/1', 6)
  committer.delete('offset/a/b/1')
  await committer.committed()
  committer.set('offset/a/b/2', 7)
  await metadata.close()
  metadata = (await Metadata.open(folder)) as Metadata
  const all: unknown[] = []
  for await (const entry of metadata.all('offset')) all.push(entry)
  expect(all).toEqual([[['a', 'b', '0'], 5]])
})
