import { FencedError, type FaustError } from '../../errors.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'

/** As `errorFor`; whoever was only forgotten or left behind may join again, whoever was replaced may not. */
export function groupError(code: number, what: string): FaustError {
  const error = errorFor(code, what, { right: 'Read' })
  if (!(error instanceof FencedError)) return error
  return new FencedError(error.message, { retriable: code !== errorCodes.FENCED_INSTANCE_ID })
}

/** As `groupError`, for a member: one that may not use the group any more is a member no longer, until it may again. */
export function expelled(code: number, what: string): FaustError {
  const error = groupError(code, what)
  return code === errorCodes.GROUP_AUTHORIZATION_FAILED
    ? new FencedError(error.message, { cause: error, retriable: true })
    : error
}
