import type { HandlersOf } from './handler.js'

/** What clients ask about topics. */
export const topicRequests: HandlersOf<'topics' | 'createTopics' | 'addPartitions' | 'deleteTopics' | 'watchTopics'> = {
  topics({ names }, question, { state }) {
    const topics = state.topics.all().filter(({ name }) => names === null || names.includes(name))
    question.resolve(topics.map(topic => topic.describe()))
  },

  createTopics({ specs }, question, { state }) {
    for (const spec of specs) {
      const topic = state.topics.create(spec, state.random)
      if (topic !== null) state.storeTopic(topic)
    }
    question.resolve(null)
  },

  addPartitions({ topic: name, partitions }, question, { state }) {
    const topic = state.topics.grow(name, partitions)
    if (topic !== null) state.storeTopic(topic)
    question.resolve(null)
  },

  deleteTopics({ names }, question, { state }) {
    for (const name of names) {
      const topic = state.topics.delete(name)
      if (topic !== null) state.forgetTopic(topic)
    }
    question.resolve(null)
  },

  watchTopics({ on }, question, { caller }) {
    caller.isWatching = on
    question.resolve(null)
  },
}
