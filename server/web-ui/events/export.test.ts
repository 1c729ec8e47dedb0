import assert from 'node:assert/strict'
import type { FoundEvent } from '../../store/events-store.ts'
import { csvCell, eachEvent, exported, maxExported } from './export.ts'

describe('csvCell', () => {
  it('makes text of what a spreadsheet would calculate, and leaves numbers', () => {
    const rows = [
      ['', ''],
      ['plain', 'plain'],
      ['-5', '-5'],
      ['-1.5e3', '-1.5e3'],
      ['=1+1', "'=1+1"],
      ['+1', "'+1"],
      ['-1+1', "'-1+1"],
      ['@SUM(1)', "'@SUM(1)"],
      [' =1', "' =1"],
      ['\t=1', "'\t=1"],
      ['\r=1', '"\'\r=1"'],
      ['\uFF1D1', "'\uFF1D1"],
      ['a,b', '"a,b"'],
      ['say "x"', '"say ""x"""'],
      ['=cmd|"/c calc"', '"\'=cmd|""/c calc"""'],
      ['two\nlines', '"two\nlines"'],
    ] as const
    for (const [text, cell] of rows) assert.equal(csvCell(text), cell)
  })
})

describe('eachEvent', () => {
  const page = (count: number, nextCursor?: string) => ({ items: Array<FoundEvent>(count), nextCursor })
  const countOf = async (pages: AsyncIterable<readonly unknown[]>) => {
    let count = 0
    for await (const items of pages) count += items.length
    return count
  }

  it('ends at the last page, at the bound, and when nobody reads any more', async () => {
    const never = new AbortController().signal
    assert.equal(await countOf(eachEvent(page(3, 'a'), async () => page(2), never)), 5)
    assert.equal(await countOf(eachEvent(page(900, 'a'), async () => page(900, 'a'), never)), maxExported)
    const gone = new AbortController()
    const next = async () => {
      gone.abort()
      return page(7, 'a')
    }
    assert.equal(await countOf(eachEvent(page(3, 'a'), next, gone.signal)), 3)
  })
})

describe('exported', () => {
  it('says what the columns are, also when there is nothing', async () => {
    async function* none() {
      yield [] as FoundEvent[]
    }
    let text = ''
    for await (const part of exported('csv', none())) text += part
    assert.match(text, /^event_id,[a-z_,]+,record\r\n$/)
  })
})
