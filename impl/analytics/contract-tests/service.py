"""What contract tests cannot know of the analytics service."""

# A million made-up rows tell no more than a few.
LARGEST = {"seed": {"rows": 50}, "export_page_views": {"limit": 500}}
