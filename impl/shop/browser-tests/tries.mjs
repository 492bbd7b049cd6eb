// What the browser tests try on the page of the shop: an operation with what the page suggests, and what it answers.
export default [{ operation: 'create_product', status: '201' }];
