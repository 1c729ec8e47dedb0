import { localTimes } from './times.ts'

/** Runs on every page. */
localTimes(document)
for (const note of document.querySelectorAll('[data-utc-note]')) {
  note.textContent = `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`
}
