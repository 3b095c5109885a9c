import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { keyOf, namesIn } from './keys.js'
import { Metadata } from './metadata.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metadata-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function open(): Promise<Metadata> {
  const metadata = await Metadata.open(folder)
  if (metadata === null) return expect.fail('the metadata are locked')
  return metadata
}

async function refusal(): Promise<TransportError> {
  const error = await Metadata.open(folder).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(TransportError)
  return error as TransportError
}

describe('keys', () => {
  test('can be read', () => {
    expect(keyOf('offset', 'billing', 'orders', 3)).toBe('offset/billing/orders/3')
  })

  test('keep names apart, whatever is in them', () => {
    const names = fc.array(fc.string({ unit: fc.constantFrom('/', '%', '2', 'F', '5', 'a', '') }), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(names, made => {
        expect(namesIn(keyOf('offset', ...made))).toEqual(made)
      }),
    )
  })
})

describe('opening', () => {
  test('twice is refused by null, and possible again after closing', async () => {
    const first = await open()
    expect(await Metadata.open(folder)).toBeNull()
    await first.close()
    await (await open()).close()
  })

  test('damaged files is an error that says so, and what to do', async () => {
    const metadata = await open()
    metadata.set('topic/a', { id: 'x' })
    await metadata.commit(metadata.take(), { isSynced: true })
    await metadata.close()
    await writeFile(join(folder, 'CURRENT'), 'nonsense')
    const damaged = await refusal()
    expect([damaged.retriable, damaged.message]).toEqual([false, expect.stringContaining('its metadata are damaged')])
    await writeFile(join(folder, 'CURRENT'), 'MANIFEST-000099\n')
    expect((await refusal()).message).toContain('Restore the directory from a backup, or name another one.')
  })

  test('files without permission is an error that says so', async context => {
    if (process.getuid?.() === 0) context.skip('root may do everything')
    await chmod(folder, 0o000)
    const error = await refusal()
    await chmod(folder, 0o700)
    expect([error.retriable, error.message]).toEqual([false, expect.stringContaining('permission')])
  })

  test('what is no folder is an error that says so', async () => {
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    expect((await refusal()).message).toContain('it is a file or lies below one')
  })
})

describe('entries', () => {
  test('are found by kind, with the names of their keys', async () => {
    const metadata = await open()
    metadata.set(keyOf('offset', 'a/b', 'c', 1), 10)
    metadata.set(keyOf('offset', 'a', 'b/c', 1), 20)
    metadata.set(keyOf('offset', '', 'c', 1), 30)
    metadata.set(keyOf('topic', 'offset'), { id: 'x' })
    await metadata.commit(metadata.take(), { isSynced: false })
    const offsets: unknown[] = []
    for await (const entry of metadata.all('offset')) offsets.push(entry)
    expect(offsets).toEqual([
      [['', 'c', '1'], 30],
      [['a/b', 'c', '1'], 10],
      [['a', 'b/c', '1'], 20],
    ])
    expect(await metadata.get(keyOf('topic', 'offset'))).toEqual({ id: 'x' })
    expect(await metadata.get(keyOf('topic', 'nowhere'))).toBeUndefined()
    await metadata.close()
  })

  test('that were not committed are gone', async () => {
    const metadata = await open()
    metadata.set('topic/a', {})
    await metadata.close()
    const again = await open()
    expect(await again.get('topic/a')).toBeUndefined()
    await again.close()
    expect((await readdir(folder)).length).toBeGreaterThan(0)
  })

  test('cannot be committed once it is closed', async () => {
    const metadata = await open()
    await metadata.close()
    metadata.set('topic/a', {})
    await expect(metadata.commit(metadata.take(), { isSynced: false })).rejects.toThrow(TransportError)
  })
})
