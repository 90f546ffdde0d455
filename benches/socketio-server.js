// The server of the Socket.IO tutorial that this daemon started from, as written there; only the transport is fixed to
// WebSocket without compression, and the port comes from outside.
const http = require("http").createServer();
const io = require("socket.io")(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  pingInterval: 86400000,
});

const users = {};

io.on("connection", (socket) => {
  socket.on("register", (username) => {
    users[username] = socket.id;
    socket.username = username;
  });

  socket.on("privateMessage", ({ toUsername, message }) => {
    const toSocketId = users[toUsername];
    if (toSocketId) {
      io.to(toSocketId).emit("privateMessage", {
        from: socket.username,
        message,
        time: new Date().toLocaleTimeString(),
      });
    } else {
      socket.emit("errorMessage", `User ${toUsername} not found`);
    }
  });

  socket.on("disconnect", () => {
    if (socket.username) delete users[socket.username];
  });
});

http.listen(process.env.PORT, "127.0.0.1");
