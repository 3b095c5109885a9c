import type { AnyApi } from './api.js'
import { findCoordinator, metadata } from './cluster-apis.js'
import { alterConfigs, describeConfigs } from './configs.js'
import { fetch } from './fetch.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './group.js'
import { deleteGroups, describeGroups, listGroups } from './groups.js'
import { listOffsets, offsetCommit, offsetFetch } from './offsets.js'
import { produce } from './produce.js'
import { createPartitions, createTopics, deleteRecords, deleteTopics } from './topics.js'
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitAddedOffsets,
  endTransaction,
  initProducerId,
} from './transaction.js'

/** What every broker must speak. Version 2 of the transaction protocol is used only where it is there and switched on. */
export const requiredApis: readonly AnyApi[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  addPartitionsToTransaction,
  addOffsetsToTransaction,
  endTransaction,
  commitAddedOffsets,
  describeConfigs,
  createPartitions,
  deleteGroups,
  alterConfigs,
]
