const format = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

/** Times of the page in the reader's zone and writing; UTC stays in the title. */
export function localTimes(within: ParentNode): void {
  for (const element of within.querySelectorAll('time[datetime]')) setTime(element as HTMLTimeElement)
}

export function setTime(element: HTMLTimeElement, at: string = element.dateTime): void {
  const ms = Date.parse(at)
  if (Number.isNaN(ms)) return
  if (element.dateTime !== at) {
    element.dateTime = at
    const iso = new Date(ms).toISOString()
    element.title = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
  }
  element.textContent = format.format(ms)
}
