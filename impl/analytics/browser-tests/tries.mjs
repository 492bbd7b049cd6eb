// What the browser tests try on the page of the analytics service: an operation with what the page suggests, and what it answers.
export default [{ operation: 'get_top_paths', status: '200' }];
