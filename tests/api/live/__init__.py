"""Live events: server-sent events, the WebSocket, models' output as it comes."""
