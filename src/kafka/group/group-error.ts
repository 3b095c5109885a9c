import { FencedError, type FaustError } from '../../errors.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'

/** As `errorFor`; whoever was only forgotten or left behind may join again, whoever was replaced may not. */
export function groupError(code: number, what: string): FaustError {
  const error = errorFor(code, what)
  if (!(error instanceof FencedError)) return error
  return new FencedError(error.message, { retriable: code !== errorCodes.FENCED_INSTANCE_ID })
}
