import assert from 'node:assert/strict'
import type { Pull } from '../../../../core/contract/pull.ts'
import type { News } from './follower.ts'
import { inPieces } from './pieces.ts'

const pulls = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `pull-${1000 + index}` }) as Pull)
const ids = (news: News) => (news.kind === 'link' ? [] : news.pulls.map(({ id }) => id))

describe('inPieces', () => {
  it('leaves small news and those of the link as they are', () => {
    for (const news of [
      { kind: 'link', link: 'live' },
      { kind: 'all', pulls: pulls(250) },
      { kind: 'changes', pulls: pulls(3), gone: ['x'] },
    ] as const) {
      assert.deepEqual([...inPieces(news)], [news])
    }
  })

  it('names all pulls of a whole state in its first piece, so that the others are not taken for gone', () => {
    const all: News = { kind: 'all', pulls: pulls(600) }
    const pieces = [...inPieces(all)]
    assert.deepEqual(
      pieces.map(({ kind }) => kind),
      ['all', 'changes', 'changes'],
    )
    assert.deepEqual(pieces[0]?.kind === 'all' && pieces[0].named, ids(all))
    assert.deepEqual(pieces.flatMap(ids), ids(all))
  })

  it('brings first what the page of the server has first: by start, what has ended last', () => {
    const many = Array.from({ length: 600 }, (_, index) => ({
      id: `pull-${index}`,
      phase: index % 2 === 0 ? 'completed' : 'downloading',
      startedAt: new Date(1e12 - 1000 * index).toISOString(),
    }))
    const told = [...inPieces({ kind: 'all', pulls: many as unknown as Pull[] })].flatMap(ids)
    const active = many.filter(({ phase }) => phase === 'downloading').map(({ id }) => id)
    const ended = many.filter(({ phase }) => phase === 'completed').map(({ id }) => id)
    assert.deepEqual(told, [...active.reverse(), ...ended.reverse()])
  })

  it('tells what is gone once', () => {
    const pieces = [...inPieces({ kind: 'changes', pulls: pulls(251), gone: ['x'] })]
    assert.deepEqual(
      pieces.map(piece => piece.kind === 'changes' && piece.gone),
      [['x'], []],
    )
  })
})
