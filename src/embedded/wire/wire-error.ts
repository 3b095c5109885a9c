import { ClosedError, CommitError, EncodeError, FaustError, FencedError, TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'
import type { WireError } from './protocol.js'

/** An error as it goes over the socket; what is none of the library is sent as an error of transport. */
export function encodeError(error: unknown): WireError {
  if (error instanceof FaustError) return { code: error.code, message: error.message, retriable: error.retriable }
  return { code: TransportError.code, message: thrown(error).message, retriable: false }
}

/** The error that the other side had, as an object of the class with its code. */
export function reviveError({ code, message, retriable }: WireError): FaustError {
  const Kind = kinds.find(kind => kind.code === code) ?? TransportError
  return new Kind(message, { retriable })
}

/** What a broker refuses with. */
const kinds = [TransportError, FencedError, CommitError, ClosedError, EncodeError] as const
