"""How people are told outside botted: by webhook, e-mail, or a chat that takes what Slack takes."""
