import type { ConnectionContext } from '../transport/transport.js'
import type { Cluster } from './cluster/cluster.js'
import type { Compression } from './records/compression.js'

/** What readers and producers are made from. Whoever makes them closes them, and then the cluster. */
export interface Link {
  readonly context: ConnectionContext
  readonly cluster: Cluster
  /** See `loadCompression`. */
  readonly compression: Compression
}
