/* Two ends of a stream from their first frame to their last, for spin to try in every order: the
 * calls of the applications, the data in flight at each call, and the fate of the transport.
 * The ends follow flow/stream_state and flow/detail/stream_core name by name; flow/PROTOCOL.md
 * describes their purpose.
 *
 * Checked in every reachable state:
 *   - No deadlock, and both ends end: each process reaches its last line, whoever closes, while the
 *     applications read and at least one of them closes. Nothing here can run for ever (every
 *     step uses up an operation, a frame or a fault), so that is sufficient. No deadline is
 *     needed for it (`patient`), unless the transport never shows its end.
 *   - A clean end of data has all data: no eof with bytes missing.
 *   - No end sees a frame that the protocol does not allow.
 *   - An acknowledged close means that the peer has sent Close and received every byte before ours.
 *   - A close fails only if something failed.
 *
 * The variants show that each property can fail; `check` expects them to:
 *   -DEARLY_RELEASE    any frame is taken as the answer to Close: one of the older peers
 *   -DEND_IS_EOF       every end of the transport is a clean end of data: the other one
 *   -DAPP_ANSWERS      Close is answered when the application closes, too: both
 *   -DPASSIVE_RELEASE  the end that answers a Close ends the transport instead of waiting
 *   -DCUT_FRAMES       writing may stop in the middle of a frame
 */

#ifndef WAY
#define WAY 2 /* pieces in flight in a direction before sending would block */
#endif
#ifndef FRAMES
#define FRAMES 1 /* data frames that an application writes, at most; one more at end 0 */
#endif
#define AHEAD 1 /* data frames read ahead of the application */

/* A data frame is two pieces, so that anything can happen in its middle. */
mtype = { data_header, data_body, shutdown_read, shutdown_write, close_frame };
mtype = { open, ending, ended_writing, refused };
mtype = { none, due, sent };
mtype = { eof, aborted, truncated };
mtype = { deliver, drop, silent }; /* what the peer notices when an end releases the transport */

typedef end_state {
  mtype sending = open;
  mtype read_notice = none; /* ShutdownRead */
  mtype close_notice = none;
  mtype read_error = none;
  bool read_stopped;
  bool peer_stopped_writing;
  bool close_asked;
  bool close_received;
  bool peer_first;
  bool broken;
  bool ended;
  byte queued;       /* data frames not begun, accepted from no one yet */
  bool inside_frame; /* its header is sent */
  bool detached;     /* and its write is over */
  bool half_read;    /* the header of a frame has been received */
  byte unread;       /* data frames read ahead */
  /* The application. */
  bool closes;
  byte written;
  bool gave_up; /* aborted, or ran out of time */
  bool read_done;
  byte missing; /* data frames reported to the peer's writer as written, but not here yet */
};

end_state e[2];
chan way[2] = [WAY] of { mtype }; /* from end i */
bool end_shown[2];                /* the end of the transport comes behind way[i] */
bool lost;
bool released[2];
mtype on_release;
bool patient; /* no deadline passes */

#define me e[self]
#define it e[1 - self]
#define can_send (!me.broken && !me.ended)
#define discards_input (me.read_stopped || me.close_asked)
#define writing_over (me.sending == ended_writing || me.sending == refused)
#define wants_input (!me.ended && (discards_input || me.close_received || me.unread < AHEAD))

inline clear(i) {
  do
  :: nempty(way[i]) -> way[i] ? _
  :: empty(way[i]) -> break
  od
}

/* Variables that no longer matter are set to one value, so that states which differ in nothing else
 * are one state. */
inline forget() {
  if
  :: me.sending != open -> me.written = 0 /* irrelevant: sending is not open */
  :: else
  fi;
  if
  :: me.close_received || me.ended ->
     me.half_read = false;
     me.peer_stopped_writing = false
  :: else
  fi;
  if
  :: me.ended ->
     me.sending = refused;
     me.written = 0;
     me.queued = 0;
     me.inside_frame = false;
     me.detached = false;
     me.read_notice = none
  :: else
  fi
}

inline refuse() {
  if
  :: me.sending != ended_writing -> me.sending = refused
  :: else
  fi
}

/* The transport is released; determines what the peer notices, and when. */
inline release() {
  released[self] = true;
  clear(1 - self);
  if
  :: on_release == drop -> clear(self); end_shown[self] = true
  :: on_release == deliver -> end_shown[self] = true
  :: on_release == silent
  fi
}

inline end_transport(reason) {
  if
  :: !me.ended ->
     me.ended = true;
     me.broken = true;
     if
     :: me.read_error == none -> me.read_error = reason
     :: else
     fi;
     release()
  :: else
  fi
}

/* The consequences of a change. */
inline settle() {
  if
  :: (writing_over || me.broken) && (me.queued > 0 || (me.inside_frame && !me.detached)) ->
     me.queued = 0;
#ifdef CUT_FRAMES
     me.inside_frame = false
#else
     if
     :: me.inside_frame && can_send -> me.detached = true; it.missing++
     :: else
     fi
#endif
  :: else
  fi;
  if
  :: discards_input -> me.unread = 0
  :: else
  fi;
  if
#ifdef PASSIVE_RELEASE
  :: !me.ended && me.close_received && (me.broken || me.close_notice == sent) ->
#else
  :: !me.ended && me.close_received &&
     (me.broken || (me.close_notice == sent && !me.peer_first)) ->
#endif
     end_transport(eof)
  :: else
  fi;
  forget()
}

#ifdef APP_ANSWERS
#define close_due (me.close_notice == due && me.close_asked)
#else
#define close_due (me.close_notice == due)
#endif

/* The next piece to send is `piece`; none if there is nothing. */
inline next_piece() {
  if
  :: me.inside_frame -> piece = data_body
  :: !me.inside_frame && me.read_notice == due -> piece = shutdown_read
  :: !me.inside_frame && me.read_notice != due && me.queued > 0 -> piece = data_header
  :: !me.inside_frame && me.read_notice != due && me.queued == 0 && me.sending == ending ->
     piece = shutdown_write
  :: !me.inside_frame && me.read_notice != due && me.queued == 0 && me.sending != ending &&
     close_due ->
     piece = close_frame
  :: else -> piece = none
  fi
}

#define has_piece                                                                 \
  (me.inside_frame || me.read_notice == due || me.queued > 0 || me.sending == ending || close_due)

inline note_sent() {
  if
  :: piece == data_header -> me.inside_frame = true; me.queued--
  :: piece == data_body ->
     me.inside_frame = false;
     if
     :: me.detached -> me.detached = false
     :: else -> it.missing++
     fi
  :: piece == shutdown_read -> me.read_notice = sent
  :: piece == shutdown_write -> me.sending = ended_writing
  :: piece == close_frame -> me.close_notice = sent
  fi
}

inline receive_close() {
  me.close_received = true;
  me.peer_first = (me.close_notice != sent);
  refuse();
  if
  :: me.read_notice == due -> me.read_notice = none
  :: else
  fi;
  if
  :: me.close_notice == none -> me.close_notice = due
  :: else
  fi;
  if
  :: me.read_error == none -> me.read_error = eof
  :: else
  fi;
  assert(it.close_notice == sent);
  assert(me.peer_first || !it.peer_first || it.missing == 0)
}

inline receive() {
  if
  :: me.close_received /* ignored */
#ifdef EARLY_RELEASE
  :: !me.close_received && me.close_asked && me.close_notice == sent -> receive_close()
#endif
  :: else ->
     assert((piece == data_body) == me.half_read);
     if
     :: piece == data_header -> me.half_read = true
     :: piece == data_body ->
        me.half_read = false;
        assert(!me.peer_stopped_writing);
        me.missing--;
        if
        :: discards_input
        :: else -> me.unread++
        fi
     :: piece == shutdown_read -> refuse()
     :: piece == shutdown_write ->
        me.peer_stopped_writing = true;
        if
        :: me.read_error == none -> me.read_error = eof
        :: else
        fi
     :: piece == close_frame -> receive_close()
     fi
  fi
}

proctype end_of_stream(bit self) {
  mtype piece;
  do
  /* The application asks. */
  :: atomic { me.sending == open && !me.broken && me.written < FRAMES + 1 - self ->
       me.written++; me.queued++ }
  :: atomic { me.sending == open -> me.sending = ending; settle() }
  :: atomic { !me.read_stopped && !me.close_asked && !me.read_done ->
       me.read_stopped = true;
       me.read_error = eof;
       if
       :: !me.close_received && !me.ended -> me.read_notice = due
       :: else
       fi;
       settle() }
  :: atomic { me.closes && !me.close_asked ->
       me.close_asked = true;
       me.read_error = aborted;
       if
       :: me.sending == open || me.queued > 0 || (me.inside_frame && !me.detached) -> refuse()
       :: else
       fi;
       if
       :: me.close_notice == none && !me.ended -> me.close_notice = due
       :: else
       fi;
       settle() }
  :: atomic { me.unread > 0 -> me.unread-- }
  :: atomic { me.unread == 0 && me.read_error != none && !me.read_done ->
       me.read_done = true;
       assert(me.read_error != eof || me.read_stopped || me.missing == 0) }

  /* The stream sends and receives. */
  :: atomic { can_send && has_piece && (nfull(way[self]) || released[1 - self] || lost) ->
       next_piece();
       if
       :: lost || (released[1 - self] && on_release != silent) -> me.broken = true
       :: !lost && released[1 - self] && on_release == silent -> note_sent()
       :: else -> way[self] ! piece; note_sent()
       fi;
       settle();
       piece = none }
  :: atomic { wants_input && nempty(way[1 - self]) ->
       way[1 - self] ? piece;
       receive();
       settle();
       piece = none }
  :: atomic { wants_input && empty(way[1 - self]) && end_shown[1 - self] ->
#ifdef END_IS_EOF
       end_transport(eof);
#else
       end_transport(truncated);
#endif
       settle() }

  /* Time passes: the application aborts, or the deadline of close() or of the wait for the end
     after the peer's Close expires. */
  :: atomic { !patient && !me.ended ->
       me.gave_up = true;
       if
       :: me.close_asked || me.close_received
       :: else -> me.read_stopped = true; me.read_error = aborted
       fi;
       end_transport(truncated);
       settle() }

  :: atomic { me.ended && me.read_done && (me.close_asked || !me.closes) ->
       /* A close that was not acknowledged has a reason; one is that both ends released at once
          and what was on the way was dropped. */
       assert(!me.close_asked || me.close_received || lost || me.gave_up || it.gave_up ||
              (on_release == drop && it.close_notice == sent && !it.peer_first));
       break }
  od
}

/* The transport breaks once, at any time or never; what is on the way arrives or does not. */
proctype loss() {
  if
  :: true
  :: atomic { true ->
       lost = true;
       end_shown[0] = true;
       end_shown[1] = true;
       if
       :: true
       :: clear(0)
       fi;
       if
       :: true
       :: clear(1)
       fi }
  fi
}

init {
  atomic {
    if
    :: on_release = deliver
    :: on_release = drop
    :: on_release = silent
    fi;
    if
    :: patient = true
    :: patient = false
    fi;
    /* If the end of the transport is never shown, time has to pass. */
    patient = (patient && on_release != silent);
    e[0].closes = true;
    if
    :: e[1].closes = true
    :: e[1].closes = false
    fi;
    run end_of_stream(0);
    run end_of_stream(1);
    run loss()
  }
}
