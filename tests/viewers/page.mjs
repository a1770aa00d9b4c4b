// The HTML report in a browser: it says nothing on the console, asks for nothing, sorts, filters and
// zooms, by mouse and keyboard, and puts text of the process in as text.
//
//	node page.mjs REPORT.html [FOLDER]
//
// FOLDER: for pictures, in light and dark, wide and narrow.
import assert from 'node:assert/strict'
import path from 'node:path'
import puppeteer from 'puppeteer-core'

const [report, folder] = process.argv.slice(2)
const url = 'file://' + path.resolve(report)
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none']
})
let passed = 0

async function check(name, body) {
  await body()
  passed++
  console.log(`${name}: ok`)
}

async function open(width, height, scheme) {
  const page = await browser.newPage()
  page.complaints = []
  page.on('console', message => page.complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => page.complaints.push(error.message))
  page.on('dialog', dialog => { page.complaints.push('a dialog'); dialog.dismiss() })
  page.on('request', request => {
    if (request.url() !== url && !request.url().startsWith('data:')) page.complaints.push(request.url())
  })
  await page.setViewport({ width, height, deviceScaleFactor: 1 })
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: scheme },
    // a smooth scroll would move what is about to be clicked
    { name: 'prefers-reduced-motion', value: 'reduce' }
  ])
  await page.goto(url)
  return page
}

const column = (page, n) => page.$$eval('#type-table tbody tr', (rows, i) => rows.map(row => row.cells[i].textContent), n)
const number = text => Number(text.replace(/,/g, '').replace('\u2212', '-'))
const sorted = list => list.every((value, i) => !i || list[i - 1] >= value)

try {
  const page = await open(1280, 900, 'light')

  await check('the_tables_sort', async () => {
    const heads = await page.$$('#type-table th button')
    await heads[1].click()
    const most = (await column(page, 1)).map(number)
    assert.ok(most.length > 5 && sorted(most))
    await heads[1].focus()
    await page.keyboard.press('Enter')
    const least = (await column(page, 1)).map(number)
    assert.ok(sorted(least.slice().reverse()))
    assert.equal(await page.$eval('#type-table th:nth-child(2)', th => th.getAttribute('aria-sort')), 'ascending')
    await heads[0].click()
    assert.equal(await page.$eval('#type-table th:nth-child(1)', th => th.getAttribute('aria-sort')), 'ascending')
  })

  await check('the_filter_filters', async () => {
    const before = (await column(page, 0)).length
    await page.type('#filter', 'dict')
    const names = await column(page, 0)
    assert.ok(names.length > 0 && names.length < before)
    assert.ok(names.every(name => name.toLowerCase().includes('dict')))
    await page.type('#filter', 'no type has this')
    assert.equal((await column(page, 0)).length, 0)
    await page.$eval('#filter', input => { input.value = ''; input.dispatchEvent(new Event('input')) })
    assert.equal((await column(page, 0)).length, before)
  })

  await check('cells_zoom_by_mouse_and_keyboard', async () => {
    const cells = await page.$$('#icicle .cell')
    assert.ok(cells.length > 5)
    await page.$$eval('#kept-table button', buttons => buttons[0].focus())
    await page.keyboard.press('Enter')
    assert.equal((await page.$$('#crumbs button')).length, 1)
    await page.click('#crumbs button')
    assert.equal((await page.$$('#crumbs button')).length, 0)
  })

  await check('everything_has_a_name', async () => {
    const nameless = await page.$$eval('button, input, table, svg', nodes => nodes.filter(node =>
      !(node.textContent.trim() || node.getAttribute("aria-label") || node.labels?.length)).map(node => node.outerHTML))
    assert.deepEqual(nameless, [])
  })

  await check('nothing_is_wider_than_a_telephone', async () => {
    const narrow = await open(360, 740, 'dark')
    const over = await narrow.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert.ok(over <= 0, `${over} pixels too wide`)
    assert.deepEqual(narrow.complaints, [])
    await narrow.close()
  })

  await check('marks_of_an_axis_differ', async () => {
    const axes = await page.$$eval('#charts svg', charts => charts.map(chart =>
      [...chart.querySelectorAll('.grid + text')].map(text => text.textContent)))
    for (const marks of axes)
      assert.ok(marks.length > 1 && new Set(marks).size === marks.length, marks.join())
  })

  await check('no_complaint_and_no_request', async () => assert.deepEqual(page.complaints, []))

  for (const [name, width, height] of folder ? [['wide', 1280, 900], ['narrow', 390, 844]] : []) {
    for (const scheme of ['light', 'dark']) {
      const shot = await open(width, height, scheme)
      await shot.screenshot({ path: `${folder}/${name}-${scheme}.png`, fullPage: true })
      await shot.close()
    }
  }
} finally {
  await browser.close()
}
console.log(`page: ${passed} passed, 0 failed`)
