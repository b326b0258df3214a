use anyhow::Result;
use dallosh_testkit::Stack;

use crate::{DALLOSH, journey};

#[tokio::test]
async fn the_suite_holds_on_one_process_with_nothing_beside_it() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    journey::suite(&stack.base).await?;
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn the_suite_holds_on_one_process_with_mongodb_and_rabbitmq() -> Result<()> {
    let stack = Stack::with_servers(DALLOSH, &[]).await?;
    journey::suite(&stack.base).await?;
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
#[cfg(feature = "aws")]
async fn the_suite_holds_on_separate_processes_with_mongodb_rabbitmq_and_s3() -> Result<()> {
    let stack = Stack::separate(DALLOSH).await?;
    journey::suite(&stack.base).await?;
    assert_eq!(stack.stop().await?, [Some(0); 7]);
    Ok(())
}
