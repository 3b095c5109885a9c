/** What every error may carry besides its own facts. */
interface Origin {
  readonly cause?: unknown
  /** Overrides what the class says about trying again. */
  readonly retriable?: boolean | undefined
}

/** Base of every error of this library: `code` is stable, `retriable` says whether the same call may succeed later. */
export abstract class FaustError extends Error {
  static readonly code: string = 'FAUST'
  readonly code: string
  readonly retriable: boolean

  constructor(message: string, facts: Origin = {}) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause })
    this.code = new.target.code
    this.retriable = facts.retriable ?? false
  }
}

/** Everything that is wrong with an app's declarations, found before it starts. */
export class DeclarationError extends FaustError {
  static override readonly code: string = 'FAUST_DECLARATION'
  readonly problems: readonly string[]

  constructor(message: string, facts: Origin & { problems: readonly string[] }) {
    super([message, ...facts.problems].join('\n  - '), facts)
    this.problems = facts.problems
  }
}

/** Two declarations of one kind have the same name. */
export class DuplicateNameError extends FaustError {
  static override readonly code: string = 'FAUST_DUPLICATE_NAME'
  readonly duplicate: string

  constructor(message: string, facts: Origin & { duplicate: string }) {
    super(message, facts)
    this.duplicate = facts.duplicate
  }
}

/** An option is unknown or its value is not of the kind expected. */
export class OptionError extends FaustError {
  static override readonly code: string = 'FAUST_OPTION'
  readonly option: string

  constructor(message: string, facts: Origin & { option: string }) {
    super(message, facts)
    this.option = facts.option
  }
}

/** Something was used that works only after the app has started. */
export class NotStartedError extends FaustError {
  static override readonly code: string = 'FAUST_NOT_STARTED'
}

/** Something was used after it had been stopped or closed. */
export class ClosedError extends FaustError {
  static override readonly code: string = 'FAUST_CLOSED'
}

/** A table was written where no single event says to which partition the write belongs. */
export class TableWriteError extends FaustError {
  static override readonly code: string = 'FAUST_TABLE_WRITE'
}

/** A partition was asked for that this worker does not hold. */
export class PartitionNotOwnedError extends FaustError {
  static override readonly code: string = 'FAUST_PARTITION_NOT_OWNED'
}

/** Topics that are joined, or feed one table, differ in their number of partitions. */
export class CopartitionError extends FaustError {
  static override readonly code: string = 'FAUST_COPARTITION'
}

/** A message's bytes could not be turned into a value that its schema accepts. */
export class DecodeError extends FaustError {
  static override readonly code: string = 'FAUST_DECODE'
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly part: 'key' | 'value'

  constructor(message: string, facts: Origin & Pick<DecodeError, 'topic' | 'partition' | 'offset' | 'part'>) {
    super(message, facts)
    this.topic = facts.topic
    this.partition = facts.partition
    this.offset = facts.offset
    this.part = facts.part
  }
}

/** A value cannot be written as bytes, or would not read back as it was sent; `topic` is undefined where a codec stands alone. */
export class EncodeError extends FaustError {
  static override readonly code: string = 'FAUST_ENCODE'
  readonly topic: string | undefined

  constructor(message: string, facts: Origin & { topic?: string | undefined } = {}) {
    super(message, facts)
    this.topic = facts.topic
  }
}

/** A schema did not accept a value; `issues` has one line for each thing it objected to. */
export class ValidationError extends FaustError {
  static override readonly code: string = 'FAUST_VALIDATION'
  readonly issues: readonly string[]

  constructor(message: string, facts: Origin & { issues?: readonly string[] } = {}) {
    super(message, facts)
    this.issues = facts.issues ?? [message]
  }
}

/** The broker could not be reached, or answered with an error. */
export class TransportError extends FaustError {
  static override readonly code: string = 'FAUST_TRANSPORT'

  constructor(message: string, facts: Origin = {}) {
    super(message, { ...facts, retriable: facts.retriable ?? true })
  }
}

/** The broker has finally not stored what was sent. */
export class SendError extends FaustError {
  static override readonly code: string = 'FAUST_SEND'
  readonly topic: string

  constructor(message: string, facts: Origin & { topic: string }) {
    super(message, facts)
    this.topic = facts.topic
  }
}

/** Offsets were not committed; nothing has advanced. */
export class CommitError extends FaustError {
  static override readonly code: string = 'FAUST_COMMIT'

  constructor(message: string, facts: Origin = {}) {
    super(message, { ...facts, retriable: facts.retriable ?? true })
  }
}

/** A store could not be opened, read or written. */
export class StoreError extends FaustError {
  static override readonly code: string = 'FAUST_STORE'
}

/** A table could not be rebuilt from its changelog. */
export class RecoveryError extends FaustError {
  static override readonly code: string = 'FAUST_RECOVERY'
}

/** Another worker has taken over what this one was doing. */
export class FencedError extends FaustError {
  static override readonly code: string = 'FAUST_FENCED'
}

/** What the errors of an `ask` have in common; `index` is the input's position in `map`, `join` and their kin. */
abstract class AskError extends FaustError {
  readonly agent: string
  readonly correlationId: string
  index: number | undefined

  constructor(message: string, facts: Asked) {
    super(message, facts)
    this.agent = facts.agent
    this.correlationId = facts.correlationId
    this.index = facts.index
  }
}

interface Asked extends Origin {
  readonly agent: string
  readonly correlationId: string
  readonly index?: number | undefined
}

/** No answer to an `ask` came in time. */
export class AskTimeoutError extends AskError {
  static override readonly code: string = 'FAUST_ASK_TIMEOUT'

  constructor(message: string, facts: Asked) {
    super(message, { ...facts, retriable: facts.retriable ?? true })
  }
}

/** The agent that was asked went on to its next event without yielding an answer. */
export class NoReplyError extends AskError {
  static override readonly code: string = 'FAUST_NO_REPLY'
}

/** The agent that was asked threw; `remoteName` is the name of the error it threw. */
export class ReplyError extends AskError {
  static override readonly code: string = 'FAUST_REPLY'
  readonly remoteName: string

  constructor(message: string, facts: Asked & { remoteName: string }) {
    super(message, facts)
    this.remoteName = facts.remoteName
  }
}

/** An agent threw and its policy or supervisor stops the worker; `cause` is what it threw. */
export class AgentError extends FaustError {
  static override readonly code: string = 'FAUST_AGENT'
  readonly agent: string

  constructor(message: string, facts: Origin & { agent: string }) {
    super(message, facts)
    this.agent = facts.agent
  }
}

/** An agent was restarted more often than its supervisor allows. */
export class RestartBudgetError extends FaustError {
  static override readonly code: string = 'FAUST_RESTART_BUDGET'
  readonly agent: string

  constructor(message: string, facts: Origin & { agent: string }) {
    super(message, facts)
    this.agent = facts.agent
  }
}

// Minifiers change the names of classes, not those of properties.
const names = {
  FaustError,
  DeclarationError,
  DuplicateNameError,
  OptionError,
  NotStartedError,
  ClosedError,
  TableWriteError,
  PartitionNotOwnedError,
  CopartitionError,
  DecodeError,
  EncodeError,
  ValidationError,
  TransportError,
  SendError,
  CommitError,
  StoreError,
  RecoveryError,
  FencedError,
  AskTimeoutError,
  NoReplyError,
  ReplyError,
  AgentError,
  RestartBudgetError,
}
for (const [name, kind] of Object.entries(names)) {
  Object.defineProperty(kind.prototype, 'name', { value: name, configurable: true, writable: true })
}
