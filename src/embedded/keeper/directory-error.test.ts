import { expect, test } from 'vitest'
import { StoreError, TransportError } from '../../errors.js'
import { directoryError } from './directory-error.js'

test.for([
  ['ENOSPC', /the disk is full\. Free some space/, true],
  ['EDQUOT', /the disk is full/, true],
  ['EFBIG', /largest size allowed\. Raise the limit \(ulimit -f\)/, true],
  ['EMFILE', /too many files are open\. Raise the limit \(ulimit -n\)/, true],
  ['EACCES', /no permission .*\. Run as the user who owns/, false],
  ['EROFS', /can only be read\. Name a directory that can be written/, false],
  ['ENOTDIR', /is a file or lies below one\. Move that file away/, false],
  ['ENAMETOOLONG', /does not accept the path\. Name a directory with a shorter path/, false],
] as const)('%s says what to do; whether it is worth trying again', ([code, words, retriable]) => {
  const cause = Object.assign(new Error(`${code}: what the system says`), { code })
  const error = directoryError(cause, '/somewhere/.faust')
  expect(error).toBeInstanceOf(TransportError)
  expect(error).toMatchObject({
    retriable,
    cause,
    message: expect.stringMatching(/^Cannot use the embedded broker in \/somewhere\/\.faust: /),
  })
  expect(error.message).toMatch(words)
})

test('what LevelDB passes on from the system is known by its words', () => {
  const inside = new Error('IO error: /somewhere/metadata/000003.log: No space left on device')
  const error = directoryError(new Error('Database failed to open', { cause: inside }), '/somewhere')
  expect(error).toMatchObject({ retriable: true, message: expect.stringContaining('the disk is full') })
})

test('an error that nobody has thought of keeps all of its words', () => {
  const error = directoryError(new Error('outside', { cause: 'inside' }), '/somewhere')
  expect(error.message).toBe('Cannot use the embedded broker in /somewhere: outside: inside. Look at what is in /somewhere.')
  expect(directoryError(undefined, '/somewhere').message).toContain('undefined')
})

test('an error of the library stays as it is', () => {
  const error = new StoreError('damaged')
  expect(directoryError(error, '/somewhere')).toBe(error)
})
