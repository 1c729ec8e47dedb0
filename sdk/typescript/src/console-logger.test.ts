import assert from 'node:assert/strict'
import { consoleLogger } from './console-logger.ts'

describe('consoleLogger', () => {
  it('writes warnings and errors on stderr, one line each, whatever is in the fields', () => {
    const lines: unknown[] = []
    const { warn, error, log } = console
    const keep = (line: unknown) => void lines.push(line)
    Object.assign(console, { warn: keep, error: keep, log: keep })
    try {
      consoleLogger.debug('no')
      consoleLogger.info('no')
      consoleLogger.warn('rule cannot be used', { rule: 'a\nb\u009b2J\u202e', count: 2, none: undefined })
      consoleLogger.error('it failed', { error: new Error('why') })
      const cycle: { self?: object } = {}
      cycle.self = cycle
      for (const thrown of [7n, Symbol('why'), cycle]) consoleLogger.error('it failed', { error: thrown })
    } finally {
      Object.assign(console, { warn, error, log })
    }
    assert.deepEqual(lines, [
      'trapperkeeper sensor: rule cannot be used rule="a\\nb\\u009b2J\\u202e" count=2 none=undefined',
      'trapperkeeper sensor: it failed error="why"',
      'trapperkeeper sensor: it failed error=bigint',
      'trapperkeeper sensor: it failed error=symbol',
      'trapperkeeper sensor: it failed error=object',
    ])
  })
})
