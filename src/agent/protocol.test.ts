import { expect, test } from 'vitest'
import { headersFrom } from '../message/record.js'
import { askHeaders, correlationHeader, decodeReply, encodeReply, forwardHeaders, returnAddress } from './protocol.js'

const headers = (of: Record<string, string>) => headersFrom(of) ?? new Map<string, Uint8Array>()

test('a request says where its answer goes', () => {
  expect(returnAddress(headers(askHeaders('replies', 'id')))).toEqual({
    topic: 'replies',
    correlationId: 'id',
    takesErrors: true,
    wantsValue: false,
  })
  expect(returnAddress(headers(forwardHeaders('reports', 'id')))).toEqual({
    topic: 'reports',
    correlationId: 'id',
    takesErrors: false,
    wantsValue: true,
  })
})

test('a message without a reply address is no request, and one of Python’s takes no errors', () => {
  expect(returnAddress(headers({}))).toBe(null)
  expect(returnAddress(headers(correlationHeader('id')))).toBe(null)
  const python = { 'Faust-Ag-ReplyTo': 'replies', 'Faust-Ag-CorrelationId': 'id' }
  expect(returnAddress(headers(python))).toMatchObject({ takesErrors: false, wantsValue: false })
  expect(returnAddress(headers({ 'Faust-Ag-ReplyTo': 'replies' }))?.correlationId).toBe('')
})

test('a reply record has Python’s fields in Python’s order', () => {
  const reply = { correlationId: 'id', value: { sum: 7 }, error: null }
  expect(encodeReply('k', reply)).toBe('{"key":"k","value":{"sum":7},"correlation_id":"id","__faust":{"ns":"@ReqRepResponse"}}')
  expect(encodeReply(null, reply)).toContain('{"key":null,')
  expect(encodeReply(undefined, reply)).toContain('{"key":null,')
  expect(encodeReply(Buffer.from('käse'), reply)).toContain('{"key":"käse",')
  expect(encodeReply({ account: 1 }, reply)).toContain('{"key":{"account":1},')
})

test('a reply reads back as it was written', () => {
  const answer = { correlationId: 'id', value: [1, null, 'x'], error: null }
  expect(decodeReply(encodeReply('k', answer))).toEqual(answer)
  const failure = { correlationId: 'id', value: null, error: { kind: 'error', name: 'TypeError', message: 'no' } as const }
  expect(decodeReply(encodeReply('k', failure))).toEqual(failure)
  expect(decodeReply(encodeReply(null, { correlationId: 'id', value: undefined, error: null }))?.value).toBe(undefined)
})

test('what Python Faust wrote reads as a reply, and nothing else does', () => {
  const python =
    '{"key":"b\'k2\'","value":7,"correlation_id":"b65aab2c-420d-4964-9620-ed5416559a0e","__faust":{"ns":"@ReqRepResponse"}}'
  expect(decodeReply(python)).toEqual({ correlationId: 'b65aab2c-420d-4964-9620-ed5416559a0e', value: 7, error: null })
  for (const foreign of ['', 'null', '7', '[]', '"x"', '{}', '{"correlation_id":7}', '{"value":']) {
    expect([foreign, decodeReply(foreign)]).toEqual([foreign, null])
  }
})
