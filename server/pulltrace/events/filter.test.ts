import assert from 'node:assert/strict'
import { Code } from '../../../core/lib/errors.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { filterKey, matches, parseLayers, parsePullFilter } from './filter.ts'
import { podRef, pullState } from './pull-state.fake.ts'

const filterOf = (query: string) => parsePullFilter(new URLSearchParams(query))

describe('matches', () => {
  const pods = [podRef('shop', 'web-1'), podRef('ops', 'cron-1')]
  const rows: { name: string; query: string; pull?: Partial<PullState>; matches: boolean }[] = [
    { name: 'lets everything through without a filter', query: '', matches: true },
    { name: 'takes the node exactly', query: 'node=node', matches: false },
    { name: 'finds the node', query: 'node=node-a', matches: true },
    { name: 'takes repeated values as alternatives', query: 'node=node-b&node=node-a', matches: true },
    { name: 'takes a comma list as alternatives', query: 'node=node-b,%20node-a', matches: true },
    { name: 'finds a part of the image reference', query: 'image=example.com/p', matches: true },
    { name: 'keeps the case of the image reference', query: 'image=Example', matches: false },
    { name: 'takes one of several phases', query: 'phase=failed,downloading', matches: true },
    { name: 'refuses another phase', query: 'phase=unpacking', matches: false },
    { name: 'needs all parameters to hold', query: 'node=node-a&phase=unpacking', matches: false },
    { name: 'finds the namespace of any pod', query: 'namespace=ops', pull: { pods }, matches: true },
    { name: 'finds a pod by its whole name', query: 'pod=web-1', pull: { pods }, matches: true },
    { name: 'takes the pod name exactly', query: 'pod=web', pull: { pods }, matches: false },
    { name: 'wants namespace and pod of one pod', query: 'namespace=ops&pod=web-1', pull: { pods }, matches: false },
    { name: 'finds no namespace where no pod waits', query: 'namespace=shop', matches: false },
    { name: 'counts a blank value as absent', query: 'node=&phase=', matches: true },
  ]
  for (const row of rows) {
    it(row.name, () => {
      assert.equal(matches(filterOf(row.query), pullState('p', row.pull)), row.matches)
    })
  }
})

describe('parsePullFilter', () => {
  it('gives equal filters one key, whatever the order and the repeats', () => {
    assert.equal(filterKey(filterOf('node=b,a&phase=failed')), filterKey(filterOf('phase=failed&node=a&node=b&node=a')))
  })
  it('gives different filters different keys', () => {
    assert.notEqual(filterKey(filterOf('node=a')), filterKey(filterOf('pod=a')))
  })

  const faults: { name: string; query: string; path: string; message: RegExp }[] = [
    {
      name: 'names the good phases',
      query: 'phase=pulling',
      path: 'phase',
      message: /one of 'queued', .*got "pulling"/,
    },
    {
      name: 'bounds the length',
      query: `image=${'x'.repeat(1025)}`,
      path: 'image',
      message: /at most 1024 characters/,
    },
    {
      name: 'bounds the number of values',
      query: `node=${Array.from({ length: 101 }, (_, index) => index)}`,
      path: 'node',
      message: /at most 100 values, got "101 values"/,
    },
  ]
  for (const row of faults) {
    it(row.name, () => {
      assert.throws(
        () => filterOf(row.query),
        (error: { code: Code; message: string; details: { path: string } }) =>
          error.code === Code.Invalid && row.message.test(error.message) && error.details.path === row.path,
      )
    })
  }
})

describe('parseLayers', () => {
  it('is false unless asked for', () => assert.equal(parseLayers(new URLSearchParams()), false))
  it('is true for layers=true', () => assert.equal(parseLayers(new URLSearchParams('layers=true')), true))
  it('refuses other words', () => assert.throws(() => parseLayers(new URLSearchParams('layers=yes')), /'true' or/))
})
