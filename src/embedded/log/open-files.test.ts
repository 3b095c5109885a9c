import { fstatSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ClosedError } from '../../errors.js'
import { LogFile, OpenFiles } from './open-files.js'

const folder = mkdtempSync(join(tmpdir(), 'faust-files-'))

afterAll(() => rmSync(folder, { recursive: true }))

function newFiles(files: OpenFiles, count: number): LogFile[] {
  return Array.from({ length: count }, (_, index) => {
    const file = new LogFile(join(folder, `${index}.log`))
    files.touch(file, 'new')
    return file
  })
}

const isOpen = ({ fd }: LogFile): boolean => fd !== -1

test('the file used longest ago is closed, and opened again when it is needed', () => {
  const files = new OpenFiles(2)
  const [first, second, third] = newFiles(files, 3) as [LogFile, LogFile, LogFile]
  expect([first, second, third].map(isOpen)).toEqual([false, true, true])
  files.touch(second)
  let coldCount = 0
  third.onCold = () => coldCount++
  files.touch(first)
  expect([first, second, third].map(isOpen)).toEqual([true, true, false])
  expect([coldCount, files.count]).toEqual([1, 2])
  files.close()
})

test('a file in use is not closed, also when there are too many', () => {
  const files = new OpenFiles(1)
  const all = newFiles(files, 3)
  for (const file of all) files.hold(file)
  expect(all.map(isOpen)).toEqual([true, true, true])
  for (const file of all) files.release(file)
  expect(files.count).toBe(1)
  files.close()
})

test('a file that was removed is closed when nobody uses it any more', () => {
  const files = new OpenFiles(2)
  const [file] = newFiles(files, 1) as [LogFile]
  const fd = files.hold(file)
  unlinkSync(file.path)
  files.forget(file)
  expect(fstatSync(fd).nlink).toBe(0)
  files.release(file)
  expect([isOpen(file), files.count]).toEqual([false, 0])
})

test('nothing is opened any more once all are closed', () => {
  const files = new OpenFiles(4)
  const [first, second] = newFiles(files, 2) as [LogFile, LogFile]
  files.hold(first)
  files.close()
  expect([first, second].map(isOpen)).toEqual([true, false])
  files.release(first)
  expect(isOpen(first)).toBe(false)
  expect(() => files.touch(first)).toThrow(ClosedError)
})
