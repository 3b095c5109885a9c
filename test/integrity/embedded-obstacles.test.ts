import { spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { Scene } from '../fixtures/keeper-scene.js'

// What keeps a directory from being served is said by class and with what to do: at once, or after ten seconds where it may pass.

vi.setConfig({ testTimeout: 90_000 })
const final = { type: 'refused', code: 'FAUST_TRANSPORT', retriable: false }
const passing = { ...final, retriable: true }

const isRoot = process.getuid?.() === 0
const nobody = 65534
/** Root may do everything, and nobody cannot always read what it would have to run. */
const isTriable =
  !isRoot ||
  spawnSync(process.execPath, ['-e', `fs.readFileSync('${fileURLToPath(import.meta.url)}')`], { uid: nobody }).status === 0

const triable = isTriable ? test.concurrent : test.concurrent.skip

triable('a directory without permission', async () => {
  await using scene = new Scene()
  chmodSync(scene.directory, isRoot ? 0o755 : 0o555)
  expect(await scene.refusal(isRoot ? { uid: nobody } : {})).toMatchObject({
    ...final,
    message: expect.stringMatching(
      /no permission to read and write there\. Run as the user who owns the directory, or name another/,
    ),
  })
})

test.concurrent('a directory of a newer version', async () => {
  await using scene = new Scene()
  writeFileSync(join(scene.directory, 'format'), '{"format":2}')
  expect(await scene.refusal()).toMatchObject({
    ...final,
    message: expect.stringMatching(
      /a newer version of faust-ts wrote it, in format 2, and this one knows format 1\. Upgrade faust-ts/,
    ),
  })
  expect(readdirSync(scene.directory)).toEqual(['format'])
})

test.concurrent('a path too long for a local socket, unless there is a short way round', async () => {
  await using scene = new Scene()
  const long = join(scene.directory, 'x'.repeat(100))
  const temporary = join(scene.directory, 'y'.repeat(90))
  mkdirSync(temporary)
  expect(await scene.refusal({ at: long, env: { TMPDIR: temporary } })).toMatchObject({
    ...final,
    message: expect.stringMatching(/the path is too long for a local socket, .* Set TMPDIR to a short path/),
  })
  const [one, two] = [scene.start({ at: long }), scene.start({ at: long, env: { TMPDIR: scene.directory } })]
  await Promise.all([one, two].map(each => each.until(({ epoch }) => epoch === 1)))
  expect([...one.served, ...two.served]).toEqual([1])
  expect(await Promise.all([one.end(), two.end()])).toEqual([0, 0])
  expect([readdirSync(scene.directory), readdirSync(temporary)]).toEqual([[long, temporary].map(each => basename(each)), []])
})

test.concurrent('a file size that is limited', async () => {
  await using scene = new Scene()
  expect(await scene.refusal({ prelude: 'ulimit -f 0;' })).toMatchObject({
    ...passing,
    message: expect.stringMatching(/a file has reached the largest size allowed\. Raise the limit \(ulimit -f\)\.$/),
  })
})

test.concurrent('a lock that another process has but does not answer; without it work begins', async () => {
  await using scene = new Scene()
  const holder = scene.start({ mode: 'hold' })
  await holder.until(it => it.said('holding').length > 0)
  expect(await scene.refusal()).toMatchObject({
    ...passing,
    message: expect.stringMatching(
      /another process has it open but does not answer\. If this lasts, see which .* \(lsof .*LOCK\)/,
    ),
  })
  await holder.end()
  await scene.answeredIn(1)
})

test.concurrent('a full disk; with some space work begins', async context => {
  await using scene = new Scene()
  const disk = join(scene.directory, 'disk')
  mkdirSync(disk)
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
  if (status !== 0) return context.skip('this user may not mount a small disk')
  try {
    fill(join(disk, 'filling'))
    expect(await scene.refusal({ at: disk })).toMatchObject({
      ...passing,
      message: expect.stringMatching(/the disk is full\. Free some space/),
    })
    rmSync(join(disk, 'filling'))
    await scene.answeredIn(1)
    expect(await Promise.all(scene.living.map(each => each.end()))).toEqual([0])
  } finally {
    spawnSync('umount', [disk])
  }
})

/** Writes until the disk takes no more. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
}
