namespace Kine.Grains.Watch;

/// <summary>
/// Joins batches that were lost or came out of order. A worked example, the hub being at 9:
/// <code>
/// (9, 11]   applied: 11
/// (9, 11]   a repeat: dropped
/// (13, 14]  a gap: buffered, and 12..13 asked of the history
/// (11, 12]  joins on: 12
/// page 12..13 comes: 13 applied, and with it the buffered batch: 14
/// </code>
/// </summary>
public sealed partial class WatchHub
{
    private static readonly TimeSpan PublishedWait = TimeSpan.FromSeconds(2);
    private readonly SortedList<long, EventBatch> _buffered = [];
    private bool _loaded;
    private bool _pulling;
    private long _known;

    /// <summary>
    /// Says that a revision has been published, by whatever way that became known: a hub that gets its batches over a channel that may lose them pulls what it
    /// lacks.
    /// </summary>
    public void Advance(long publishedRevision)
    {
        lock (_gate)
        {
            _known = Math.Max(_known, publishedRevision);
            StartPull();
        }
    }

    /// <summary>True while there is something published that has not come here yet.</summary>
    internal bool IsBehind => _history.PublishedRevision > Revision && Revision > 0;

    /// <summary>Gets what is published. Given up after a while: who is behind is still right, as a member of etcd is that lags.</summary>
    internal async Task WaitForPublished()
    {
        var published = _history.PublishedRevision;
        Advance(published);
        await WaitForRevision(published, CancellationToken.None).WaitAsync(PublishedWait, Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Buffer(EventBatch batch)
    {
        var known = _buffered.TryGetValue(batch.PreviousRevision, out var same);
        if (known ? same!.LastRevision < batch.LastRevision : _buffered.Count < _options.BufferedBatches)
        {
            _buffered[batch.PreviousRevision] = batch;
            _known = Math.Max(_known, batch.PreviousRevision);
        }
        else
        {
            _known = Math.Max(_known, batch.LastRevision);
        }

        StartPull();
    }

    private void ApplyBuffered(Publication publication)
    {
        while (_buffered.Count > 0 && _buffered.GetKeyAtIndex(0) <= _revision)
        {
            var batch = _buffered.GetValueAtIndex(0);
            _buffered.RemoveAt(0);
            if (batch.LastRevision > _revision)
                Apply(batch.Events, batch.LastRevision, publication);
        }

        StartPull();
    }

    private void StartPull()
    {
        if (!_loaded || _pulling || _known <= _revision || _stopped is not null)
            return;

        _pulling = true;
        Run(Pull);
    }

    private async Task Pull()
    {
        var delay = _options.RetryDelay;
        while (true)
        {
            long from, to;
            lock (_gate)
            {
                if (_known <= _revision || _stopped is not null)
                {
                    _pulling = false;
                    return;
                }

                from = _revision + 1;
                to = _known;
            }

            EventPage page;
            try
            {
                page = await _history.ReadEvents(from, to, _options.PageEvents, _options.ReplyBytes, _stopping.Token).ConfigureAwait(false);
                delay = _options.RetryDelay;
            }
            catch (Exception failure)
            {
                delay = await PauseAfter(failure, delay).ConfigureAwait(false);
                continue;
            }

            var publication = Rent();
            lock (_gate)
            {
                if (page.Through > _revision)
                    Join(page, publication);

                Complete(publication);
            }

            Finish(publication);
        }
    }

    private void Join(EventPage page, Publication publication)
    {
        // Below the mark events may be missing from the page: nobody may be told that they had them all.
        if (_revision + 1 < CompactRevision)
            Restart(page.Through, publication);
        else
            Apply(page.Events, page.Through, publication);

        ApplyBuffered(publication);
    }
}
