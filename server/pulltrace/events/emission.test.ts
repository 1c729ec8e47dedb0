import assert from 'node:assert/strict'
import { PullEvent } from '../../../core/contract/pull-event.ts'
import { validatorOf } from '../../../core/contract/schema.ts'
import { AttributeHistory } from './attribute-history.ts'
import { Emission, type EmissionParts, Frame } from './emission.ts'
import { parsePullFilter } from './filter.ts'
import { pullState } from './pull-state.fake.ts'

function emission(more: Partial<EmissionParts> = {}): Emission {
  const atMs = Date.parse('2026-11-21T10:00:00Z')
  const history = new AttributeHistory()
  const pull = pullState('a')
  return new Emission({
    stamp: { epoch: 'e1', atMs },
    seq: 7,
    type: 'pull.started',
    pull,
    history,
    before: undefined,
    kept: true,
    ...more,
  })
}

describe('Emission', () => {
  const rows: { name: string; frame: number; id: string | undefined; type: string; left: boolean; layers: boolean }[] =
    [
      { name: 'an event', frame: Frame.plain, id: 'e1-7', type: 'pull.started', left: false, layers: false },
      {
        name: 'an event with layers',
        frame: Frame.layers,
        id: 'e1-7',
        type: 'pull.started',
        left: false,
        layers: true,
      },
      { name: 'a leave', frame: Frame.left, id: 'e1-7', type: 'pull.started', left: true, layers: false },
      { name: 'a state', frame: Frame.state, id: undefined, type: 'pull.progress', left: false, layers: false },
      {
        name: 'a leave that no event is left of, with layers',
        frame: Frame.state | Frame.left | Frame.layers,
        id: undefined,
        type: 'pull.progress',
        left: true,
        layers: true,
      },
    ]
  for (const { name, frame, id, type, left, layers } of rows) {
    it(`writes ${name} as one block that the contract allows`, () => {
      const match = /^(?:id: (.*)\n)?data: (.*)\n\n$/.exec(emission().bytes(frame).toString())
      assert.ok(match)
      const event = validatorOf('event', PullEvent).parse(JSON.parse(match[2]!))
      assert.equal(match[1], id)
      assert.equal(event.type, type)
      assert.equal(event.left === true, left)
      assert.equal(event.pull.layers !== undefined, layers)
    })
  }

  it('keeps text from outside within its line', () => {
    const imageRef = 'x\ndata: {}\n\nid: e1-9\r\u2028'
    const text = emission({ pull: pullState('a', { imageRef }) })
      .bytes(Frame.plain)
      .toString()
    assert.equal(text.split(/[\r\n]/).length, 4)
    assert.equal(JSON.parse(text.split('\n')[1]!.slice('data: '.length)).pull.imageRef, imageRef)
  })

  it('makes its bytes once, and tells of their size', () => {
    const grown: number[] = []
    const made = emission()
    const empty = made.heldBytes
    made.onGrow = bytes => grown.push(bytes)
    const bytes = made.bytes(Frame.plain)
    assert.equal(made.bytes(Frame.plain), bytes)
    assert.deepEqual(grown, [bytes.length])
    assert.equal(made.heldBytes - empty, bytes.length)
  })

  const filter = parsePullFilter(new URLSearchParams('phase=downloading'))
  const [matching, other] = [pullState('a'), pullState('a', { phase: 'unpacking' })]
  const choices: { name: string; more: Partial<EmissionParts>; frame: number | undefined }[] = [
    { name: 'as it is when it matches', more: { pull: matching, before: other }, frame: Frame.plain },
    { name: 'as a leave when it matched before', more: { pull: other, before: matching }, frame: Frame.left },
    { name: 'not at all when it did not match either', more: { pull: other, before: other }, frame: undefined },
    { name: 'not at all when nothing was before', more: { pull: other }, frame: undefined },
  ]
  for (const { name, more, frame } of choices) {
    it(`goes to a client ${name}`, () => assert.equal(emission(more).frameFor(filter), frame))
  }
})
