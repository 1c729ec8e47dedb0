import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { openGrant } from './auth.ts'
import { Tickets, ticketLifeMs } from './tickets.ts'

describe('Tickets', () => {
  it('lets each ticket in once', () => {
    const tickets = new Tickets(new FakeClock())
    const { ticket } = tickets.issue(openGrant)
    assert.equal(tickets.redeem(ticket), openGrant)
    assert.equal(tickets.redeem(ticket), undefined)
    assert.equal(tickets.redeem('made-up'), undefined)
  })

  it('forgets a ticket after 60 s, by a clock that cannot be set back', () => {
    const clock = new FakeClock(1000)
    const tickets = new Tickets(clock)
    const early = tickets.issue(openGrant)
    assert.equal(early.expiresAtMs, 1000 + ticketLifeMs)
    clock.advance(ticketLifeMs - 1)
    const late = tickets.issue(openGrant)
    clock.advance(1)
    assert.equal(tickets.redeem(early.ticket), undefined)
    assert.equal(tickets.redeem(late.ticket), openGrant)
  })

  it('holds a bounded number, and has room again once some are used or old', () => {
    const clock = new FakeClock()
    const tickets = new Tickets(clock, 2)
    const { ticket } = tickets.issue(openGrant)
    tickets.issue(openGrant)
    assert.throws(() => tickets.issue(openGrant), { code: 'resource_exhausted' })
    tickets.redeem(ticket)
    tickets.issue(openGrant)
    assert.throws(() => tickets.issue(openGrant), { code: 'resource_exhausted' })
    clock.advance(ticketLifeMs)
    tickets.issue(openGrant)
  })
})
