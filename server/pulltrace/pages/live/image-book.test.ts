import assert from 'node:assert/strict'
import type { PullState } from '../../../../core/pulls/pull.ts'
import { imageSentence } from './group.ts'
import { ImageBook, rememberMs } from './image-book.ts'

const state = (nodeName: string, phase: PullState['phase'], startedAtMs = 0, errorCode?: PullState['errorCode']) =>
  ({ imageRef: 'app:v1', nodeName, phase, startedAtMs, errorCode }) as PullState

describe('ImageBook', () => {
  it('says how many nodes have an image, and why others do not', () => {
    const book = new ImageBook()
    for (let node = 0; node < 12; node++) book.observe(state(`have-${node}`, 'completed'), 0)
    const live = Array.from({ length: 25 }, (_, node) => state(`pulls-${node}`, 'downloading'))
    for (const node of ['a', 'b']) book.observe(state(node, 'failed', 0, 'NotFound'), 0)
    book.observe(state('c', 'failed', 0, 'NoSpace'), 0)
    book.observe(state('d', 'failed', 0, 'Unknown'), 0)
    assert.equal(imageSentence(book.of('app:v1', live, 0)), '12 of 41 nodes have it, 4 failing: NotFound, NoSpace')
  })

  it('counts the newest pull of a node, whatever the order of the news', () => {
    const book = new ImageBook()
    book.observe(state('a', 'completed', 2), 0)
    book.observe(state('a', 'failed', 1, 'NotFound'), 0)
    assert.equal(imageSentence(book.of('app:v1', [], 0)), '1 of 1 node has it')
    book.observe(state('a', 'failed', 3, 'NoSpace'), 0)
    assert.equal(imageSentence(book.of('app:v1', [], 0)), '0 of 1 node has it, 1 failing: NoSpace')
    assert.equal(imageSentence(book.of('app:v1', [state('a', 'downloading', 4)], 0)), '0 of 1 node has it')
  })

  for (const order of [1, -1]) {
    it(`counts what a tag has brought for the same content without one, ${order > 0 ? 'in' : 'against'} the order of the news`, () => {
      const book = new ImageBook()
      const digest = `sha256:${'a'.repeat(64)}`
      const named = (imageRef: string, pull: PullState) => ({ ...pull, imageRef, digest })
      const byDigest = `registry.example.com/app@${digest}`
      const failed = named(byDigest, state('a', 'failed', 1, 'Unknown'))
      const completed = named('registry.example.com:5000/app:v1', state('a', 'completed', 2))
      for (const pull of order > 0 ? [failed, completed] : [completed, failed]) book.observe(pull, 0)
      assert.equal(imageSentence(book.of(byDigest, [], 0)), '1 of 1 node has it')
      assert.equal(imageSentence(book.of(completed.imageRef, [], 0)), '1 of 1 node has it')
      book.drop(completed)
      assert.equal(book.of(byDigest, [], 0).nodes, 0)
    })
  }

  it('keeps what another tag has brought when a rule drops a pull of the same content', () => {
    const book = new ImageBook()
    const digest = `sha256:${'a'.repeat(64)}`
    const kept = { ...state('a', 'completed', 1), imageRef: 'registry.example.com/app:v1', digest }
    book.observe(kept, 0)
    book.drop({ ...state('a', 'completed', 2), imageRef: 'registry.example.com/app:dev', digest })
    assert.equal(imageSentence(book.of(`registry.example.com/app@${digest}`, [], 0)), '1 of 1 node has it')
  })

  it('takes of what is published the ends, and the reasons that come after them', () => {
    const book = new ImageBook()
    book.note([{ type: 'pull.started', pull: state('a', 'downloading') }], 0)
    assert.equal(book.of('app:v1', [], 0).nodes, 0)
    book.note([{ type: 'pull.failed', pull: state('a', 'failed', 0, 'Unknown') }], 0)
    book.note([{ type: 'pull.progress', pull: state('a', 'failed', 0, 'NoSpace') }], 0)
    assert.deepEqual(book.of('app:v1', [], 0).codes, ['NoSpace'])
    book.note([{ type: 'pull.completed', pull: state('b', 'completed') }], 0)
    book.note([{ type: 'pull.progress', pull: state('b', 'completed'), dropped: true }], 0)
    assert.equal(book.of('app:v1', [], 0).nodes, 1)
  })

  it('forgets after a day, and what a rule keeps out of sight at once', () => {
    const book = new ImageBook()
    book.observe(state('a', 'completed'), 0)
    book.observe(state('b', 'completed'), 10)
    assert.equal(book.of('app:v1', [], rememberMs + 5).nodes, 1)
    book.sweep(rememberMs + 5)
    book.drop(state('b', 'completed'))
    assert.equal(book.of('app:v1', [], 20).nodes, 0)
  })
})
