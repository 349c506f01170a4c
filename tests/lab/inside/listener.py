"""Another program on the builder's port: listener.py PORT silent|http|closes|slow-sshd"""

import socket
import subprocess
import sys
import threading
import time

ANSWERS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "closes": b"",
}


def answer(connection, kind):
    with connection:
        if kind == "silent":
            time.sleep(3600)
        if kind == "slow-sshd":
            time.sleep(2)
            sshd = ["chroot", "/guest", "/usr/sbin/sshd", "-i", "-o", "UsePAM=no", "-E", "/var/log/sshd.log", "-q"]
            subprocess.run(sshd, stdin=connection, stdout=connection, check=False)
            return
        try:
            connection.settimeout(3)
            connection.recv(1024)  # as HTTP servers do: nothing is said before something was asked
        except OSError:
            pass
        try:
            connection.sendall(ANSWERS[kind])
        except OSError:
            pass


def main():
    port, kind = int(sys.argv[1]), sys.argv[2]
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            connection, _ = server.accept()
            with open("/run/lab/connections", "a") as file:
                file.write(f"{port}\n")
            threading.Thread(target=answer, args=(connection, kind), daemon=True).start()


main()
