    async fn watch_notes(&self, caller: Principal, body: models::Watcher) -> Result<WatchNotesResponse> {
        if let Some(url) = NoteSeen::url(&body)? {
            let sighting = models::Sighting { note: "n-001".to_owned() };
            let request = NoteSeen { x_kind: models::NoteSeenXKind::Bird, body: sighting }.request(&url)?;
            let (webhooks, recipient) = (self.webhooks().clone(), caller.user_id());
            let write = move |mut tx: Transaction| async move { webhooks.put(&mut tx, recipient, request).await };
            self.database().write(write).await?;
            self.webhooks().wake();
        }
        Ok(WatchNotesResponse::Accepted)
    }
