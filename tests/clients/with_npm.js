// The npm package amazon-sp-api against the emulator. Reads the task as JSON from standard input, writes what it found as JSON.
'use strict';
const {SellingPartner} = require('amazon-sp-api');
const {HttpsProxyAgent} = require('https-proxy-agent');

const task = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const credentials = {SELLING_PARTNER_APP_CLIENT_ID: task.client_id, SELLING_PARTNER_APP_CLIENT_SECRET: task.client_secret};
const options = {https_proxy_agent: new HttpsProxyAgent(process.env.HTTPS_PROXY), retry_remote_timeout: false};

async function main() {
  const first = new SellingPartner({region: 'eu', credentials, options: {...options, only_grantless_operations: true}});
  const {refresh_token} = await first.exchange(task.code);
  const amazon = new SellingPartner({region: 'eu', refresh_token, credentials, options});
  const call = (operation, query, more = {}) => amazon.callAPI({operation, query, options: {restore_rate: 0.1}, ...more});

  const settlements = (await call('reports.getReports', {reportTypes: [task.settlement], marketplaceIds: [task.marketplace], pageSize: 100})).reports;
  const body = {reportType: task.report, marketplaceIds: [task.marketplace], dataStartTime: task.start, dataEndTime: task.end};
  const text = await amazon.downloadReport({body, interval: 100, cancel_after: 200});

  const orders = [];
  let query = {lastUpdatedAfter: task.start, lastUpdatedBefore: task.end, maxResultsPerPage: 20};
  for (;;) {
    const page = await call('orders.searchOrders', query, {options: {version: '2026-01-01', restore_rate: 0.1}});
    orders.push(...page.orders.map((order) => order.orderId));
    if (!page.pagination) break;
    query = {...query, paginationToken: page.pagination.nextToken};
  }

  const transactions = [];
  let pages = 0;
  query = {postedAfter: task.start, postedBefore: task.end};
  for (;;) {
    const page = await call('finances.listTransactions', query, {options: {version: '2024-06-19', restore_rate: 0.1}});
    pages += 1;
    transactions.push(...page.transactions.map((transaction) => transaction.transactionId));
    if (!page.nextToken) break;
    query = {...query, nextToken: page.nextToken};
  }

  let error = null;
  try {
    await call('orders.getOrder', {}, {path: {orderId: '026-0000000-0000000'}, options: {version: '2026-01-01'}});
  } catch (problem) {
    error = problem.code;
  }
  return {settlements: settlements.length, text, orders, transactions, pages, error};
}

main().then(
  (found) => process.stdout.write(JSON.stringify(found)),
  (problem) => { process.stderr.write(`${problem.code} ${problem.message} ${problem.stack}\n`); process.exit(1); }
);
