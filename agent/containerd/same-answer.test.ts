import assert from 'node:assert/strict'
import { withSameAnswer } from './same-answer.ts'

describe('withSameAnswer', () => {
  const method = withSameAnswer({
    path: '/test.Test/List',
    requestSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => ({ text: bytes.toString() }),
  })

  it('hands out the same object for the same bytes, and another for others', () => {
    const first = method.responseDeserialize(Buffer.from('a'))
    assert.equal(method.responseDeserialize(Buffer.from('a')), first)
    assert.deepEqual(method.responseDeserialize(Buffer.from('b')), { text: 'b' })
    assert.deepEqual(method.responseDeserialize(Buffer.from('')), { text: '' })
    assert.deepEqual(method.responseDeserialize(Buffer.from('a')), { text: 'a' })
  })

  it('is not misled by memory that is used again', () => {
    const bytes = Buffer.from('one')
    assert.deepEqual(method.responseDeserialize(bytes), { text: 'one' })
    bytes.write('two')
    assert.deepEqual(method.responseDeserialize(bytes), { text: 'two' })
  })
})
