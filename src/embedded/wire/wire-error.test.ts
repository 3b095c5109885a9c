import { expect, test } from 'vitest'
import { CommitError, FencedError, TransportError } from '../../errors.js'
import { encodeError, reviveError } from './wire-error.js'

test('an error keeps its class, its words and whether trying again may help', () => {
  const errors = [
    new TransportError('no such topic'),
    new TransportError('a bad name', { retriable: false }),
    new FencedError('replaced'),
    new CommitError('not now'),
  ]
  for (const error of errors) {
    const revived = reviveError(encodeError(error))
    expect(revived.constructor).toBe(error.constructor)
    expect([revived.name, revived.message, revived.code, revived.retriable]).toEqual([
      error.name,
      error.message,
      error.code,
      error.retriable,
    ])
  }
})

test('what is no error of ours, or of a class that is not known here, is an error of transport', () => {
  expect(reviveError(encodeError(new RangeError('broken')))).toMatchObject({
    code: 'FAUST_TRANSPORT',
    message: 'broken',
    retriable: false,
  })
  expect(reviveError({ code: 'FAUST_NEW', message: 'new', retriable: true })).toMatchObject({
    code: 'FAUST_TRANSPORT',
    retriable: true,
  })
})
